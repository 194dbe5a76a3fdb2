/// Reports on models, adapters and safetensors files.
package dev.fenlei.cli.inspect;
