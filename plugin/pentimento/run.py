"""Runs one procedure: dialog, action, return values. Every failure becomes a sentence in GIMP."""

from __future__ import annotations

import importlib
import traceback

from gi.repository import Gimp, GLib, GObject

import log
import procedures
from context import Context, values_of
from errors import PluginError
from i18n import _


def run_procedure(procedure, run_mode, image, drawables, config):
    """The run function of every procedure. GIMP shows nothing at all for an uncaught exception, so
    none may leave."""
    try:
        return _run(procedure, run_mode, image, drawables, config)
    except PluginError as error:
        log.warning("%s: %s", procedure.get_name(), error.code or type(error).__name__)
        text = str(error)
    except Exception:
        log.error("%s\n%s", procedure.get_name(), traceback.format_exc())
        text = _("Pentimento made a mistake.")
        text += "\n" + _("Filters > Pentimento > Doctor shows the details.")
        text += "\n" + traceback.format_exc(limit=-1)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(text))


def _run(procedure, run_mode, image, drawables, config):
    # GIMP 3.0 pops up a message for every PDB call that fails; the sentence of the error is enough.
    Gimp.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
    action = procedures.BY_PROCEDURE[procedure.get_name()]
    context = Context(
        action,
        image,
        list(drawables or []),
        interactive=run_mode == Gimp.RunMode.INTERACTIVE,
        values=values_of(action, config),
    )
    if context.interactive:
        import dialogs  # only here: Gtk stays out of all other runs

        if not dialogs.ask(procedure, config, context):
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
        context.values = values_of(action, config)
    log.info("%s starts", action.procedure)
    results = importlib.import_module("actions." + action.key).run(context)
    Gimp.displays_flush()
    return _return_values(procedure, action, results)


def _return_values(procedure, action, results):
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    if "layers" in results:
        results = {"layer": results["layers"][0], **results}
    for position, (kind, name, _label, _blurb) in enumerate(action.returns, start=1):
        values.remove(position)
        values.insert(position, _value(procedure, kind, results[name]))
    return values


def _value(procedure, kind, content):
    if kind == "layers":
        value = GObject.Value(GObject.type_from_name("GimpCoreObjectArray"))
        value.set_boxed(_object_array(procedure, content))
    elif kind in ("layer", "image"):
        value = GObject.Value((Gimp.Layer if kind == "layer" else Gimp.Image).__gtype__)
        value.set_object(content)
    else:
        value = GObject.Value(GObject.TYPE_STRING)
        value.set_string(content)
    return value


def _object_array(procedure, items):
    """The items as the boxed array of libgimp, which Python can make only by way of a config."""
    config = procedure.create_config()
    config.set_core_object_array("drawables", items)
    return config.get_property("drawables")
