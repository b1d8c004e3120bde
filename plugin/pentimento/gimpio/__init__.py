"""All of libgimp's image side. Nothing here knows HTTP or Gtk, nor may run outside the main thread."""
