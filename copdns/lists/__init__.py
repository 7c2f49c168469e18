"""Lists of names: how they are written (`parse`), which there are (`catalogue`), and how a
name is found in all of them at once (`index`)."""
