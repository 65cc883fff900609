"""What a deployed file needs: its metadata, its session, its decision. No torch, no pandas."""
