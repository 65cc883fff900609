"""Networks in torch and the images they see: architectures, views, devices, scoring."""
