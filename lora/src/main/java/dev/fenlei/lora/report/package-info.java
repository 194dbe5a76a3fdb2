/// What a person reads of a run: its report, and whether one run is better than another.
package dev.fenlei.lora.report;
