/// What `doctor` looks at.
package dev.fenlei.cli.doctor;
