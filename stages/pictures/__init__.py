"""Drawn pictures: synthetic lesions and cameras, alterations of images, pictures without a lesion; skin tones."""
