/// The frame of the command line: options, configuration files, errors, progress, interruption.
package dev.fenlei.cli;
