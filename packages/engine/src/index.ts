export {}

export { collection } from './connectors/collection.ts'
export { collectSink, type CollectSinkOptions } from './connectors/collect/collect-sink.ts'
export { ResultBuffer, type Deliver } from './connectors/collect/result-buffer.ts'
export { discard } from './connectors/discard.ts'
export { fileSink, type FileSinkOptions } from './connectors/file-sink/file-sink.ts'
export { generator, type GeneratorContext, type GeneratorOptions } from './connectors/generator/generator.ts'
export { print, type PrintOptions } from './connectors/print/print.ts'
export type { Sink, SinkWriter, WriterContext } from './connectors/sink.ts'
export type {
  ConnectorNotice,
  EnumeratorContext,
  PositionedReader,
  ReaderContext,
  Source,
  SourceOutput,
  SourceReader,
  Split,
  SplitEnumerator,
} from './connectors/source.ts'
