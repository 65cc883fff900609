"""How light the skin in an image is: the individual typology angle, estimated from the image's frame.

Chardon et al. 1991 define the angle, Del Bino & Bernerd 2013 its six classes; Kinyanjui et al. 2020, "Fairness of
classifiers across skin tones in dermatology", estimate it from dermatoscopic images, as is done here. Light, camera and
a lesion that fills the picture move the estimate: it describes an archive, not a person.
"""

import numpy as np
from skimage.color import rgb2lab

FRAME = 0.12  # of the image's side: where skin is looked for
DARKEST = 25  # lightness L*; below lie vignettes and hair
TONES = {  # class -> the angle it begins at, in degrees; lightest first
    "very light": 55.0,
    "light": 41.0,
    "intermediate": 28.0,
    "tan": 10.0,
    "brown": -30.0,
    "dark": -90.0,
}


def typology_angle(image: np.ndarray) -> float:
    """Return the angle in degrees, from -90 to 90, of an image, uint8 (size, size, 3); NaN when its frame is dark."""
    size = len(image)
    width = max(1, round(FRAME * size))
    frame = np.ones((size, size), dtype=bool)
    frame[width:-width, width:-width] = False
    lightness, _, yellow = rgb2lab(image[frame]).T
    skin = lightness >= DARKEST
    if not skin.any():
        return float("nan")
    return float(np.degrees(np.arctan2(np.median(lightness[skin]) - 50, np.median(yellow[skin]))).clip(-90, 90))
