import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileSink } from './file-sink/file-sink.ts'
import { files } from './files/files.ts'
import { serverSentEvents } from './http/events/server-sent-events.ts'
import { webhookSink } from './http/webhook/webhook-sink.ts'
import { generator } from './generator/generator.ts'
import { string } from './kafka/formats/plain.ts'
import { kafkaSink } from './kafka/sink/kafka-sink.ts'
import { postgresSink } from './postgres/postgres-sink.ts'
import { print } from './print/print.ts'
import { socketText } from './text/socket-text.ts'
import { stdin } from './text/stdin.ts'

type Loose = (options: unknown) => unknown

/** What the types refuse, as someone who does not compile with types would write it: none of it may do something else than it says. */
const mistakes: readonly (readonly [connector: unknown, options: object, problem: RegExp])[] = [
  [files, { path: 'a', encoding: 'utf16' }, /option encoding is 'utf16', not one of utf8, latin1/],
  [files, { path: 'a', onOverlongLine: 'drop' }, /option onOverlongLine is 'drop', not one of fail, skip, truncate/],
  [files, { path: 'a', onLostFile: true }, /option onLostFile is true, not one of fail, skip/],
  [files, { path: 'a', onParseError: 'ignore', parse: JSON.parse }, /option onParseError is 'ignore'/],
  [files, { path: 'a', start: 0 }, /option start is 0, not one of beginning, end/],
  [files, { path: 'a', follow: 'yes' }, /option follow is 'yes', neither true nor false/],
  [files, { path: 'a', parse: 'json' }, /option parse is 'json', no function/],
  [files, { path: 'a', parse: JSON.parse, positions: true }, /option parse is given beside positions/],
  [fileSink, { dir: 'a', format: 'xml' }, /option format is 'xml', not one of lines, json/],
  [fileSink, { dir: 'a', missingFiles: 'skip' }, /option missingFiles is 'skip', not one of fail, accept/],
  [fileSink, { dir: 'a', prefix: 5 }, /option prefix is 5, no text/],
  [fileSink, { dir: 'a', suffix: 5 }, /option suffix is 5, no text/],
  [fileSink, { dir: 'a\0b' }, /option dir is no path/],
  [print, { prefix: 5 }, /option prefix is 5, no text/],
  [print, { format: 'json' }, /option format is 'json', no function/],
  [print, { output: {} }, /option output\.write is null, no function/],
  [socketText, { port: 80 }, /option host is no name/],
  [webhookSink, { url: 'http://a', timeout: '10m' }, /option timeout is 10m, not a duration from 1ms to 5m/],
  [webhookSink, { url: 'http://a', timeout: 0 }, /option timeout is 0, not a duration/],
  [serverSentEvents, { url: 'http://a', idleTimeout: '1h' }, /option idleTimeout is 1h, not a duration from 1ms to 5m/],
  [generator, { generate: Number, ratePerSecond: 0 }, /option ratePerSecond is 0, and must be more than 0/],
  [
    kafkaSink,
    { brokers: 'a:1', topic: 't', value: string(), delivery: 'once' },
    /option delivery is 'once', not one of exactly-once, at-least-once, none/,
  ],
  [
    kafkaSink,
    { brokers: 'a:1', topic: 't', value: string(), onTransactionLost: 'skip' },
    /onTransactionLost is 'skip', not one of fail, replay/,
  ],
  [
    postgresSink,
    { url: 'postgres://a/b', table: 't', columns: ['a'], delivery: 'none' },
    /delivery is 'none', not one of exactly-once, at-l/,
  ],
  [
    postgresSink,
    { url: 'postgres://a/b', table: 't', columns: ['a'], onConflict: 'skip' },
    /onConflict is 'skip', not one of update, ignore/,
  ],
  [stdin, { maxLinesBytes: 5 }, /option maxLinesBytes is none that it has; did you mean maxLineBytes\?/],
]

for (const [connector, options, problem] of mistakes) {
  const make = connector as Loose & { readonly name: string }
  void test(`${make.name} refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => make(options), problem)
  })
}
