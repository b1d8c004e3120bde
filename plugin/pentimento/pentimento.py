#!/usr/bin/env python3
"""Registers Pentimento's procedures with GIMP, from the table in options.py. Nothing else is done
here: run.py runs them. Kept light, because GIMP imports it to find out what there is."""

from __future__ import annotations

import os
import sys

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gimp, GObject

import options
import procedures
from i18n import _

READ_WRITE = GObject.ParamFlags.READWRITE
UNSAVED = GObject.ParamFlags(int(READ_WRITE) | Gimp.PARAM_DONT_SERIALIZE)
HERE = os.path.dirname(os.path.abspath(__file__))


def run(procedure, run_mode, image, drawables, config, data):
    from run import run_procedure

    return run_procedure(procedure, run_mode, image, drawables, config)


def add_option(procedure, option):
    """Declares one option as an argument of the procedure."""
    head = (option.name, _(option.label), _(option.blurb))
    flags = READ_WRITE if option.remembered else UNSAVED
    if option.kind in (options.STRING, options.TEXT):
        procedure.add_string_argument(*head, option.default, flags)
    elif option.kind == options.BOOLEAN:
        procedure.add_boolean_argument(*head, option.default, flags)
    elif option.kind == options.CHOICE:
        choice = Gimp.Choice.new()
        for number, entry in enumerate(option.choices):
            choice.add(entry.nick, number, _(entry.label), _(entry.blurb))
        procedure.add_choice_argument(*head, choice, option.default, flags)
    elif option.kind == options.CHANNEL:
        procedure.add_channel_argument(*head, True, flags)
    elif option.kind == options.LAYER:
        procedure.add_layer_argument(*head, True, flags)
    elif option.kind == options.FILE:
        procedure.add_file_argument(*head, Gimp.FileChooserAction.SAVE, True, None, flags)
    else:
        add = {
            options.DOUBLE: procedure.add_double_argument,
            options.INT: procedure.add_int_argument,
            options.UINT: procedure.add_uint_argument,
        }[option.kind]
        add(*head, option.minimum, option.maximum, option.default, flags)


def add_return(procedure, kind, name, label, blurb):
    """Declares one return value; the order is the table's."""
    head = (name, _(label), _(blurb))
    if kind == "layer":
        procedure.add_layer_return_value(*head, False, READ_WRITE)
    elif kind == "layers":
        procedure.add_core_object_array_return_value(*head, Gimp.Layer.__gtype__, READ_WRITE)
    elif kind == "item":
        procedure.add_drawable_return_value(*head, True, READ_WRITE)
    elif kind == "image":
        procedure.add_image_return_value(*head, True, READ_WRITE)
    elif kind == "number":
        procedure.add_int_return_value(*head, 0, 2**31 - 1, 0, READ_WRITE)
    else:
        procedure.add_string_return_value(*head, "", READ_WRITE)


class Pentimento(Gimp.PlugIn):
    def do_query_procedures(self):
        return [action.procedure for action in procedures.ACTIONS]

    def do_set_i18n(self, name):
        if not os.path.isdir(os.path.join(HERE, "locale")):
            return False
        return True, "pentimento", None

    def do_create_procedure(self, name):
        action = procedures.BY_PROCEDURE[name]
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types(action.image_types)
        mask = Gimp.ProcedureSensitivityMask
        sensitivity = mask.DRAWABLE | mask.DRAWABLES
        if not action.needs_image:
            sensitivity |= mask.NO_DRAWABLES | mask.NO_IMAGE
        procedure.set_sensitivity_mask(sensitivity)
        procedure.set_menu_label(_(action.label))
        for path in action.menus:
            path = path.replace("/Setup", "/" + _(procedures.SETUP_LABEL))
            path = path.replace("/Variations", "/" + _(procedures.VARIATIONS_LABEL))
            path = path.replace("/Panel", "/" + _(procedures.PANEL_LABEL))
            procedure.add_menu_path(path)
        procedure.set_documentation(_(action.blurb), _(action.help), name)
        procedure.set_attribution("The Pentimento authors", "Apache-2.0", "2026")
        for option in action.options:
            add_option(procedure, option)
        for value in action.returns:
            add_return(procedure, *value)
        return procedure


if __name__ == "__main__":
    Gimp.main(Pentimento.__gtype__, sys.argv)
