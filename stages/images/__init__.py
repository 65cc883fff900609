"""What a picture is: the archive, decoding, the eval transform, the pack."""
