"""What a phone, a computer or a browser needs to send its queries encrypted: files and lines."""
