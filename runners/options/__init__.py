"""What a flow may say of where its commands run: one file for each task runner. The backend of the same name does it, and imports what that takes."""
