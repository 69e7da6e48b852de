"""The pages: plain files, no framework, nothing from elsewhere."""
