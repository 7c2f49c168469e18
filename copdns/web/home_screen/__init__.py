"""The pages as an app on the home screen, and notices in browsers."""
