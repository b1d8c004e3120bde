"""The studio panel: a window beside the canvas from which pictures are made without a dialog for
each try. It runs the actions of actions/ with their options, client and job record."""
