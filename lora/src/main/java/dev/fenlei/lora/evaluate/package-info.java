/// Judges a classifier: metrics, calibration, the confusion matrix as a picture, and the report files of an evaluation.
///
/// [dev.fenlei.lora.evaluate.Evaluation] brings all of it together.
package dev.fenlei.lora.evaluate;
