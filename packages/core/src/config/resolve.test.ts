import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeOptions, overrideOptions, resolveOptions, type OptionLayers, type ResolvedOptions } from './resolve.ts'
import type { OptionTable } from './table.ts'

const table = {
  parallelism: { type: 'integer', default: 1, min: 1, max: 100, shortFlag: 'p', documentation: '' },
  development: { type: 'boolean', default: false, documentation: '' },
  dir: { type: 'path', documentation: '' },
  'checkpointing.interval': { type: 'duration', min: '1ms', flag: 'checkpoint-interval', documentation: '' },
  'checkpointing.minPause': { type: 'duration', default: '2s', documentation: '' },
  'checkpointing.mode': { type: 'enum', values: ['exactly-once', 'at-least-once'], default: 'exactly-once', documentation: '' },
  'buffer.small.size': { type: 'bytes', default: '64KiB', documentation: '' },
  strategy: { type: 'enum', values: ['none', 'some'], aliases: { off: 'none' }, documentation: '' },
} as const satisfies OptionTable

const resolve = (layers: OptionLayers<typeof table>): ResolvedOptions<typeof table> => resolveOptions(table, layers)
const refused = (layers: OptionLayers<typeof table>): string => {
  try {
    resolve(layers)
  } catch (error) {
    return (error as Error).message
  }
  throw new assert.AssertionError({ message: 'was accepted' })
}

void test('without layers everything is its default, in milliseconds and bytes', () => {
  assert.deepEqual(resolve({}).values, {
    parallelism: 1,
    development: false,
    dir: undefined,
    checkpointing: { interval: undefined, minPause: 2000, mode: 'exactly-once' },
    buffer: { small: { size: 65536 } },
    strategy: undefined,
  })
})

void test('code wins over flags, flags over the environment, that over the file', () => {
  const file = { path: 'millrace.yaml', content: { parallelism: 2, checkpointing: { interval: '1s', minPause: '1s' } } }
  const environment = { MILLRACE_PARALLELISM: '3', MILLRACE_CHECKPOINTING_INTERVAL: '2s', HOME: '/root' }
  const flags = { parallelism: '4', development: true }
  const { values, origins } = resolve({ file, environment, flags, code: { parallelism: 5 } })
  assert.equal(values.parallelism, 5)
  assert.equal(values.development, true)
  assert.deepEqual(values.checkpointing, { interval: 2000, minPause: 1000, mode: 'exactly-once' })
  assert.deepEqual(origins, {
    parallelism: 'the job',
    development: '--development',
    dir: 'the default',
    'checkpointing.interval': 'MILLRACE_CHECKPOINTING_INTERVAL',
    'checkpointing.minPause': 'millrace.yaml',
    'checkpointing.mode': 'the default',
    'buffer.small.size': 'the default',
    strategy: 'the default',
  })
})

void test('a number in a file is no duration and no size, unless it is 0, which has no unit anywhere', () => {
  const file = (content: object): OptionLayers<typeof table> => ({ file: { path: 'f', content } })
  assert.match(
    refused(file({ checkpointing: { interval: 5 } })),
    /^f: checkpointing\.interval must be a duration like .* and is '5' \[OPTION_INVALID\]$/,
  )
  assert.match(refused(file({ 'buffer.small.size': 512 })), /must be a size like/)
  assert.equal(resolve(file({ checkpointing: { minPause: 0 }, parallelism: 5 })).values.checkpointing.minPause, 0)
  assert.equal(resolve({ flags: { 'checkpointing.minPause': '0' } }).values.checkpointing.minPause, 0)
  assert.equal(resolve({ code: { checkpointing: { minPause: 5 } } }).values.checkpointing.minPause, 5)
})

void test('a file may nest or use dots, and not both for one option', () => {
  assert.equal(resolve({ file: { path: 'f', content: { 'checkpointing.interval': '3s' } } }).values.checkpointing.interval, 3000)
  assert.equal(resolve({ file: { path: 'f', content: { buffer: { 'small.size': '1MiB' } } } }).values.buffer.small.size, 2 ** 20)
  assert.match(
    refused({ file: { path: 'f', content: { 'checkpointing.interval': '3s', checkpointing: { interval: '4s' } } } }),
    /^f: checkpointing\.interval is set twice.*\[OPTION_TWICE\]$/,
  )
})

void test('an unknown name says where it stands and what may have been meant', () => {
  const unknown = (layers: OptionLayers<typeof table>, message: string) => assert.equal(refused(layers), `${message} [OPTION_UNKNOWN]`)
  unknown(
    { file: { path: 'conf/millrace.yaml', content: { checkpointing: { intervall: 1 } } } },
    'conf/millrace.yaml: there is no option "checkpointing.intervall"; did you mean "checkpointing.interval"?',
  )
  unknown(
    { environment: { MILLRACE_PARALELISM: '2' } },
    'the environment: there is no option "MILLRACE_PARALELISM"; did you mean "MILLRACE_PARALLELISM"?',
  )
  unknown({ code: { parallelims: 2 } as never }, 'the job: there is no option "parallelims"; did you mean "parallelism"?')
  unknown({ flags: { zzzzzzzzzzzzzzzz: '2' } }, 'the command line: there is no option "zzzzzzzzzzzzzzzz"')
  unknown({ file: { path: 'f', content: JSON.parse('{"__proto__": 1, "constructor": 2}') as object } }, 'f: there is no option "__proto__"')
})

void test('what Kubernetes puts into the environment beside a service is not taken for options', () => {
  const environment = { MILLRACE_SERVICE_HOST: '10.0.0.1', MILLRACE_PORT: 'tcp://10.0.0.1:80', MILLRACE_PORT_80_TCP_ADDR: '10.0.0.1' }
  assert.equal(resolve({ environment }).values.parallelism, 1)
})

void test('an invalid value says what the option must be', () => {
  const invalid = (layers: OptionLayers<typeof table>, message: string) => assert.equal(refused(layers), `${message} [OPTION_INVALID]`)
  invalid({ flags: { parallelism: 'zwei' } }, "--parallelism: parallelism must be a whole number, at least 1, at most 100, and is 'zwei'")
  invalid({ flags: { parallelism: '0' } }, "--parallelism: parallelism must be a whole number, at least 1, at most 100, and is '0'")
  invalid({ flags: { parallelism: '' } }, "--parallelism: parallelism must be a whole number, at least 1, at most 100, and is ''")
  invalid({ flags: { parallelism: '1e9' } }, "--parallelism: parallelism must be a whole number, at least 1, at most 100, and is '1e9'")
  for (const value of ['1e1', '0x2', ' 2', '+2', '2.0', '2 ', '1_0'])
    invalid(
      { flags: { parallelism: value } },
      `--parallelism: parallelism must be a whole number, at least 1, at most 100, and is '${value}'`,
    )
  invalid(
    { environment: { MILLRACE_CHECKPOINTING_INTERVAL: '5' } },
    "MILLRACE_CHECKPOINTING_INTERVAL: checkpointing.interval must be a duration like '250ms', '5s', '10m', '1h', at least 1ms, or none, and is '5'",
  )
  invalid(
    { file: { path: 'f', content: { checkpointing: { mode: 'at-most-once' } } } },
    "f: checkpointing.mode must be one of exactly-once, at-least-once, and is 'at-most-once'",
  )
  invalid({ code: { development: 2n as never } }, 'the job: development must be true or false, and is 2n')
})

void test('a value where a section belongs is told what goes in it; a section with nothing in it sets nothing', () => {
  const inIt = 'a section with options in it: checkpointing.interval, checkpointing.minPause, checkpointing.mode'
  const file = (checkpointing: unknown) => ({ file: { path: 'f', content: { checkpointing } } })
  assert.equal(refused(file(5)), `f: checkpointing must be ${inIt}, and is 5 [OPTION_INVALID]`)
  assert.equal(refused(file([{ interval: '5s' }])), `f: checkpointing must be ${inIt}, and is [ { interval: '5s' } ] [OPTION_INVALID]`)
  assert.equal(
    refused({ code: { buffer: { small: '1MiB' } } as never }),
    "the job: buffer.small must be a section with options in it: buffer.small.size, and is '1MiB' [OPTION_INVALID]",
  )
  assert.deepEqual(resolve(file(null)).values, resolve({}).values)
  const before = resolve({})
  assert.throws(() => changeOptions(table, before, { checkpointing: '5s' }, 'millrace config'), {
    message: `millrace config: there is no option "checkpointing", which is ${inIt} [OPTION_UNKNOWN]`,
  })
})

void test('none unsets an option without a default, unless it is one of its values', () => {
  const file = { path: 'f', content: { checkpointing: { interval: '1s' }, dir: 'x' } }
  const { values } = resolve({ file, flags: { 'checkpointing.interval': 'none', strategy: 'none' }, environment: { MILLRACE_DIR: 'none' } })
  assert.equal(values.checkpointing.interval, undefined)
  assert.equal(values.strategy, 'none')
  assert.equal(values.dir, undefined)
  assert.match(refused({ flags: { parallelism: 'none' } }), /OPTION_INVALID/)
})

void test('another name of a value is that value, in every layer; what YAML 1.1 makes of a bare off as well', () => {
  const file = (strategy: unknown) => ({ file: { path: 'f', content: { strategy } } })
  assert.equal(resolve({ flags: { strategy: 'off' } }).values.strategy, 'none')
  assert.equal(resolve({ environment: { MILLRACE_STRATEGY: 'off' } }).values.strategy, 'none')
  assert.equal(resolve({ code: { strategy: 'off' } }).values.strategy, 'none')
  assert.equal(resolve(file('off')).values.strategy, 'none')
  assert.equal(resolve(file(false)).values.strategy, 'none')
  assert.equal(resolve(file(null)).values.strategy, undefined)
  assert.equal(refused(file(true)), 'f: strategy must be one of none, some, and is true [OPTION_INVALID]')
  assert.equal(refused(file('toString')), "f: strategy must be one of none, some, and is 'toString' [OPTION_INVALID]")
  assert.match(refused({ file: { path: 'f', content: { checkpointing: { mode: false } } } }), /exactly-once, at-least-once, and is false/)
})

void test('a file that is no mapping is refused, an empty one is fine', () => {
  assert.equal(resolve({ file: { path: 'f', content: null } }).values.parallelism, 1)
  assert.match(refused({ file: { path: 'f', content: [1] } }), /CONFIG_FILE_MALFORMED/)
})

void test('a path may be a file URL, of this machine', () => {
  const dir = (given: string): string | undefined => resolve({ flags: { dir: given } }).values.dir
  assert.equal(dir('file:///data/a%20b'), '/data/a b')
  assert.equal(dir('s3://bucket/prefix'), 's3://bucket/prefix')
  assert.match(
    refused({ flags: { dir: 'file://host/data' } }),
    /^--dir: dir must be a path like '\/data', 'file:\/\/\/data', or none, and is 'file:\/\/host\/data' \[OPTION_INVALID\]$/,
  )
})

void test('the job overrides what was resolved before it was loaded, and the result is frozen', () => {
  const before = resolve({ flags: { parallelism: '4', development: true } })
  const after = overrideOptions(table, before, { parallelism: 8, checkpointing: { interval: '1m' } })
  assert.equal(after.values.parallelism, 8)
  assert.equal(after.values.checkpointing.interval, 60_000)
  assert.equal(after.values.development, true)
  assert.equal(after.origins['development'], '--development')
  assert.equal(before.values.parallelism, 4)
  assert.ok(Object.isFrozen(after.values.buffer.small))
  assert.deepEqual(overrideOptions(table, before, undefined), before)
  assert.deepEqual(structuredClone(after), after)
})
