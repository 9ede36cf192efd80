import { doesNotThrow, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { fileSink } from './file-sink/file-sink.ts'
import { files } from './files/files.ts'
import { generator } from './generator/generator.ts'
import { serverSentEvents } from './http/events/server-sent-events.ts'
import { webhookSink } from './http/webhook/webhook-sink.ts'
import { print } from './print/print.ts'
import { socketText } from './text/socket-text.ts'

type Make = (options: never) => unknown

const connectors: readonly (readonly [name: string, make: Make, options: object])[] = [
  ['files', files, { path: 'a' }],
  ['fileSink', fileSink, { dir: 'a' }],
  ['generator', generator, { generate: () => 1 }],
  ['print', print, {}],
  ['socketText', socketText, { host: 'a', port: 1 }],
  ['webhookSink', webhookSink, { url: 'http://a' }],
  ['serverSentEvents', serverSentEvents, { url: 'http://a' }],
]

void test('an option that a connector does not have is refused, with the one that may have been meant', () => {
  for (const [connector, make, options] of connectors) {
    doesNotThrow(() => make(options as never), connector)
    throws(() => make({ ...options, zzzzzzzz: 1 } as never), {
      code: 'CONNECTOR_OPTION_INVALID',
      message: `${connector}: option zzzzzzzz is none that it has [CONNECTOR_OPTION_INVALID]`,
    })
    throws(() => make('a' as never), {
      code: 'ARGUMENT_INVALID',
      message: `${connector}: its argument must be an object of options, and is 'a' [ARGUMENT_INVALID]`,
    })
  }
  throws(() => files({ pathh: 'a' } as never), { message: /option pathh is none that it has; did you mean path\?/ })
})

void test('what a connector cannot do without is asked for by name', () => {
  throws(() => files({} as never), { message: /files: option path is no path/ })
  throws(() => fileSink({} as never), { message: /fileSink: option dir is no path/ })
  throws(() => generator({} as never), { message: /generator: option generate is no function/ })
})
