"""Runs one procedure: dialog, action, return values. Every failure becomes a sentence in GIMP."""

from __future__ import annotations

import importlib
import traceback

from gi.repository import Gimp, GLib, GObject

import log
import options
import procedures
import remembered
import texts
from context import Context, values_of
from errors import NotPossible, PluginError, Stopped
from gimpio import preview_layer, sources
from gimpio.progress import watched_by
from i18n import _

OBJECTS = {"layer": Gimp.Layer, "image": Gimp.Image, "item": Gimp.Drawable}  # kinds of returns


def run_procedure(procedure, run_mode, image, drawables, config):
    """The run function of every procedure. GIMP shows nothing at all for an uncaught exception, so
    none may leave."""
    try:
        return _run(procedure, run_mode, image, drawables, config)
    except Exception as error:
        words = texts.readable(in_words(procedure, error))
        if isinstance(error, NotPossible) and run_mode != Gimp.RunMode.NONINTERACTIVE:
            Gimp.message(words)  # GIMP calls an error of the procedure an "Execution error"
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
        failure = GLib.Error(words)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, failure)


def in_words(procedure, error):
    """What a person reads of a failure; the log gets it as well. To be called while it is
    handled."""
    if isinstance(error, PluginError):
        log.warning("%s: %s", procedure.get_name(), error.code or type(error).__name__)
        return str(error)
    log.error("%s\n%s", procedure.get_name(), traceback.format_exc())
    text = _("Pentimento made a mistake.")
    text += "\n" + _("Filters > Pentimento > Setup > Doctor shows the details.")
    return text + "\n" + traceback.format_exc(limit=-1)


def _run(procedure, run_mode, image, drawables, config):
    # GIMP 3.0 pops up a message for every PDB call that fails; the sentence of the error is enough.
    Gimp.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
    action = procedures.BY_PROCEDURE[procedure.get_name()]
    if run_mode == Gimp.RunMode.INTERACTIVE:
        remembered.recall(action, config, image, remembered.TYPED)
    elif run_mode == Gimp.RunMode.WITH_LAST_VALS:
        remembered.recall(action, config, image, remembered.RUN)
    _clear_previews(action, image)
    context = Context(
        action,
        image,
        _worked_on(action, run_mode, image, drawables or []),
        interactive=run_mode == Gimp.RunMode.INTERACTIVE,
        values=values_of(action, config),
    )
    if action.key == "studio":
        import studio.panel  # only here: Gtk stays out of all other runs

        studio.panel.show(procedure, config, context)
        return _return_values(procedure, action, {})
    asks = context.interactive and action not in procedures.COMMANDS
    results = _in_dialog(procedure, config, context) if asks else _act(context)
    if results is None:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    return _return_values(procedure, action, results)


def _clear_previews(action, image):
    """No action sees a preview of a job that runs in the panel, or one that a panel has left when
    it was killed. Doctor looks for them in all images."""
    if action.key == "doctor":
        preview_layer.sweep_all()
    elif (
        image is not None and action is not procedures.STUDIO and action not in procedures.COMMANDS
    ):
        preview_layer.sweep(image)


def _worked_on(action, run_mode, image, drawables):
    """What is selected; an action that is repeated without its dialog starts from what the selected
    result was made from, as the dialog does."""
    selected = sources.resolved(drawables)
    if run_mode != Gimp.RunMode.WITH_LAST_VALS or not action.reads_layers:
        return selected
    return sources.originals(image, selected) or sources.workable(image, selected)


def _act(context):
    """Does what the values say, and gives the return values by name."""
    log.info("%s starts", context.action.procedure)
    if not context.start:
        context.start = options.defaults_of(context.action.options)
    module = context.action.module or context.action.key
    results = importlib.import_module("actions." + module).run(context)
    Gimp.displays_flush()
    return results


def _in_dialog(procedure, config, context):
    """The results of the last run that succeeded, once the dialog is closed; None where none did.
    After a failure the dialog shows it and has all its words."""
    import dialogs  # only here: Gtk stays out of all other runs

    if dialogs.show_window(context):
        return None
    dialog = dialogs.of(procedure, config, context)
    if dialog is None:
        return _act(context)
    results = None
    try:
        while dialog.asks():
            context.values = values_of(context.action, config)
            try:
                with watched_by(dialog):
                    results = _act(context)
            except Exception as error:
                if not _is_open(context):
                    raise  # there is nothing left to try it on
                dialog.show_failure(in_words(procedure, error), isinstance(error, Stopped))
                continue
            dialog.learn(results)
            if not dialog.stays or not _is_open(context):
                break
            dialog.show_done(results)
    finally:
        dialog.close()
    return results if results is None or _still_there(results) else None


def _is_open(context):
    """False once the image that is worked on was closed."""
    return context.image is None or context.image.is_valid()


def _still_there(results):
    """Whether nothing of it was removed while the dialog was open."""
    return all(layer.is_valid() for layer in results.get("layers", ()))


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
    elif kind in OBJECTS:
        value = GObject.Value(OBJECTS[kind].__gtype__)
        value.set_object(content)
    elif kind == "number":
        value = GObject.Value(GObject.TYPE_INT)
        value.set_int(content)
    else:
        value = GObject.Value(GObject.TYPE_STRING)
        value.set_string(texts.readable(content))
    return value


def _object_array(procedure, items):
    """The items as the boxed array of libgimp, which Python can make only by way of a config."""
    config = procedure.create_config()
    config.set_core_object_array("drawables", items)
    return config.get_property("drawables")
