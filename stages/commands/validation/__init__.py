"""External validation: labelled archives in the layouts clinics have, and how an exported file does on them."""
