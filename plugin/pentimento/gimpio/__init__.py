"""All of libgimp's image side. Nothing here knows HTTP or Gtk, or may leave the main thread."""
