"""From an archive of photographs to packed pixels: checks, decoding, the eval transform."""
