"""Hand-crafted features of a packed image with scikit-image: colour, texture (GLCM, LBP, HOG) and shape."""

import numpy as np
from skimage.color import rgb2gray, rgb2hsv, rgb2lab
from skimage.feature import graycomatrix, graycoprops, hog, local_binary_pattern
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops
from skimage.transform import resize

GLCM_LEVELS = 32
GLCM_DISTANCES = (1, 3)
GLCM_ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
GLCM_PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "ASM")
LBP_POINTS, LBP_RADIUS = 8, 1  # Ojala et al. 2002, rotation-invariant uniform patterns
HOG_SIZE, HOG_CELL = 64, 16
HISTOGRAM_BINS = 8


def image_features(image: np.ndarray) -> np.ndarray:
    """Return colour, texture and shape features of one image: uint8 (size, size, 3) to float32 (features,)."""
    grey = rgb2gray(image)
    lesion = _lesion_mask(grey)
    parts = [_color(image, lesion), _glcm(grey), _lbp(grey), _hog(grey), _shape(grey, lesion)]
    return np.concatenate(parts).astype(np.float32)


def _lesion_mask(grey: np.ndarray) -> np.ndarray:
    """Return the largest region darker than Otsu's threshold, bool (size, size)."""
    regions = label(grey < threshold_otsu(grey)) if grey.min() < grey.max() else np.zeros(grey.shape, int)
    sizes = np.bincount(regions.ravel())[1:]
    return regions == (1 + sizes.argmax()) if len(sizes) else np.ones(grey.shape, bool)


def _color(image: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    """Return moments and quantiles of RGB, HSV and Lab, lesion minus skin, and histograms of RGB and HSV."""
    spaces = np.concatenate([image / 255, rgb2hsv(image), rgb2lab(image) / 100], axis=2)  # (size, size, 9)
    skin = spaces[~lesion] if (~lesion).any() else spaces[lesion]
    inside, whole = spaces[lesion], spaces.reshape(-1, 9)
    quantiles = np.quantile(inside, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0).ravel()
    deviations = inside - inside.mean(axis=0)
    skew = (deviations**3).mean(axis=0) / np.maximum(inside.std(axis=0), 1e-6) ** 3
    histograms = [np.histogram(whole[:, c], HISTOGRAM_BINS, (0, 1))[0] / len(whole) for c in range(6)]
    moments = [whole.mean(axis=0), whole.std(axis=0), inside.mean(axis=0), inside.std(axis=0), skew]
    return np.concatenate([*moments, inside.mean(axis=0) - skin.mean(axis=0), quantiles, *histograms])


def _glcm(grey: np.ndarray) -> np.ndarray:
    levels = np.minimum((grey * GLCM_LEVELS).astype(np.uint8), GLCM_LEVELS - 1)
    matrix = graycomatrix(levels, GLCM_DISTANCES, GLCM_ANGLES, GLCM_LEVELS, symmetric=True, normed=True)
    properties = [graycoprops(matrix, name) for name in GLCM_PROPERTIES]  # each (distances, angles)
    return np.concatenate([part for p in properties for part in (p.mean(axis=1), p.std(axis=1))])


def _lbp(grey: np.ndarray) -> np.ndarray:
    patterns = local_binary_pattern((grey * 255).astype(np.uint8), LBP_POINTS, LBP_RADIUS, "uniform")
    return np.histogram(patterns, LBP_POINTS + 2, (0, LBP_POINTS + 2))[0] / patterns.size


def _hog(grey: np.ndarray) -> np.ndarray:
    """Return HOG, averaged over two rings of cells and sorted: dermoscopy has no up."""
    small = resize(grey, (HOG_SIZE, HOG_SIZE), anti_aliasing=True)
    cells = hog(small, 9, (HOG_CELL, HOG_CELL), (1, 1), feature_vector=False)[:, :, 0, 0]  # (4, 4, 9)
    inner, outer = cells[1:3, 1:3].reshape(-1, 9), np.delete(cells.reshape(-1, 9), [5, 6, 9, 10], axis=0)
    return np.concatenate([np.sort(part.mean(axis=0)) for part in (inner, outer)])


def _shape(grey: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    """Return the lesion's share of the image, its outline, asymmetry and contact with the image's edge."""
    (region,) = regionprops(lesion.astype(int), intensity_image=1.01 - grey)  # darkness; never all zero
    area, perimeter = region.area, max(region.perimeter, 1.0)
    mask = region.image
    flips = [np.logical_xor(mask, np.flip(mask, axis)).sum() / area for axis in (0, 1)]
    touching = np.concatenate([lesion[0], lesion[-1], lesion[:, 0], lesion[:, -1]]).mean()
    center = np.hypot(*(np.array(region.centroid) - np.array(region.centroid_weighted))) / np.sqrt(area)
    outline = [area / lesion.size, 4 * np.pi * area / perimeter**2, region.eccentricity, region.solidity, region.extent]
    return np.array([*outline, *flips, touching, center])
