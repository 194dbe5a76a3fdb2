/// Reads labelled texts from JSON lines, CSV, TSV, class-index lines and Parquet.
///
/// [dev.fenlei.lora.data.DataSet] loads everything, [dev.fenlei.lora.data.DataReader] streams.
package dev.fenlei.lora.data;
