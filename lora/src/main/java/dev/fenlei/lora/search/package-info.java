/// Hyper-parameter search: spaces, samplers, pruners, and studies kept in journals that Optuna opens.
package dev.fenlei.lora.search;
