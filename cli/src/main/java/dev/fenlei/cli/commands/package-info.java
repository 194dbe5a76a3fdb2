/// One class per command; a new one is named in the `subcommands` of `Fenlei`.
package dev.fenlei.cli.commands;
