// A log in this process, the commands against it; and a broker in a process of its own, as users run it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { main } from '../main.ts'
import { RecordingOutput } from '../testing/recording-output.ts'
import { consumeCommand } from './consume.ts'
import type { LogPorts } from './log-client.ts'
import { produceCommand } from './produce.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-log-commands-'))
const log = await Log.start({
  dir: join(folder, 'log'),
  config: { 'auto.create.topics.enable': 'true', 'group.initial.rebalance.delay.ms': '0' },
})
after(async () => {
  await log.close()
  rmSync(folder, { recursive: true })
})

interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

async function command(...flags: string[]): Promise<Outcome> {
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const exitCode = await main([...flags, '--bootstrap', log.bootstrap], '1.2.3', { stdout, stderr, environment: {}, cwd: folder })
  return { exitCode, stdout: stdout.text, stderr: stderr.text }
}

async function ok(...flags: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await command(...flags)
  assert.equal(exitCode, 0, stderr)
  return stdout
}

function ports(input: string, signals: LogPorts['signals'] = { on: () => undefined, off: () => undefined }): LogPorts {
  return {
    signals,
    stdin: (async function* () {
      yield Buffer.from(input)
    })(),
    exit: () => assert.fail('ended at once'),
  }
}

const PRODUCE = { json: false, acks: 'all', compression: 'none', header: [], clientConfig: [] }

async function produce(topic: string, input: string, flags: Readonly<Record<string, unknown>> = {}): Promise<Outcome> {
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const io = { stdout, stderr, environment: {}, cwd: folder }
  const exitCode = await produceCommand(topic, { ...PRODUCE, bootstrap: log.bootstrap, ...flags }, io, ports(input))
  return { exitCode, stdout: stdout.text, stderr: stderr.text }
}

const objects = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

void test('topics are made, listed, described, altered and deleted', async () => {
  await ok('topics', 'create', 'orders', '--partitions', '3', '--config', 'retention.ms=3600000')
  assert.match(await ok('topics', 'list'), /^TOPIC +PARTITIONS +REPLICAS\n(?:.*\n)*orders +3 +1\n/)
  const [described] = objects(await ok('topics', 'describe', 'orders', '--format', 'json'))
  assert.deepEqual(described!['config'], { 'retention.ms': '3600000' })
  assert.equal((described!['partitions'] as unknown[]).length, 3)
  await ok('topics', 'alter', 'orders', '--partitions', '4', '--config', 'max.message.bytes=2000000', '--delete-config', 'retention.ms')
  assert.match(await ok('topics', 'describe', 'orders'), /^topic orders\n {2}max.message.bytes = 2000000\nPARTITION[^]*\n3 +1 /)
  const fewer = await command('topics', 'alter', 'orders', '--partitions', '4', '--config', 'max.message.bytes=1000000')
  assert.match(fewer.stderr, /--partitions must be more than the 4 that there are/)
  assert.match(await ok('topics', 'describe', 'orders'), /max.message.bytes = 2000000/, 'nothing of it is changed')
  await ok('topics', 'delete', 'orders')
  assert.ok(!(await ok('topics', 'list')).includes('orders'))
})

void test('mistakes about topics name what is wrong', async () => {
  for (const [flags, expected] of [
    [['topics', 'describe', 'none'], /The cluster has no topic none/],
    [['topics', 'delete', 'none'], /The cluster has no topic none/],
    [['topics', 'create', 'a', '--partitions', '0'], /--partitions must be a whole number, at least 1, and is 0/],
    [['topics', 'create', 'a', '--config', 'retention'], /--config takes name=value, and got retention/],
    [['topics', 'create', 'a', '--config', 'retention.msec=1'], /CreateTopics for topic a was refused.*INVALID_CONFIG/],
    [['topics', 'alter', 'a'], /be told what by --partitions/],
    [['topics', 'alter', 'none', '--partitions', '2'], /The cluster has no topic none/],
    [['groups', 'delete', 'nobody'], /The cluster has no group nobody/],
    [['produce', 'a', '--json', '--key-separator', ':'], /--key-separator must be left out with --json/],
    [['produce', 'a', '--ignore-partition'], /--ignore-partition must go with --json/],
    [['produce', 'a', '--json', '--ignore-partition', '--partition', '0'], /--ignore-partition must be left out with --partition/],
    [['topics', 'list', '--client-config', 'securty.protocol=SSL'], /perhaps be security.protocol/],
    [['consume', 'a', '--from', 'soon'], /--from must be beginning, end, an offset, a time/],
    [['groups', 'describe', 'nobody'], /The cluster has no group nobody/],
  ] as const) {
    const { exitCode, stderr } = await command(...flags)
    assert.match(stderr, expected)
    assert.equal(exitCode, 2, stderr)
  }
})

void test('a partition that is not there is said at once', async () => {
  await ok('topics', 'create', 'two', '--partitions', '2')
  for (const flags of [{ partition: '2' }, { partition: '2', json: true }]) {
    await assert.rejects(produce('two', '{"value":"a","partition":0}', flags), /--partition must be 0 to 1, and is 2/)
  }
  assert.equal(await ok('consume', 'two'), '')
})

void test('a line that is too long is named, and a separator that is empty is none', async () => {
  const long = 'x'.repeat(16 * 1024 * 1024 + 1)
  await assert.rejects(produce('long', `one\n${long}`), {
    code: 'CLI_INPUT_LINE',
    message: /^Line 2 of the input is no record: it has more than/,
  })
  assert.deepEqual(
    objects(await ok('consume', 'long')).map(({ value }) => value),
    ['one'],
  )
  await assert.rejects(produce('long', 'two', { keySeparator: '' }), {
    code: 'CLI_ARGUMENT',
    message: /^--key-separator must be a text, and is empty/,
  })
})

void test('a topic is copied into one with as many partitions, or by the key into one with others', async () => {
  await ok('topics', 'create', 'six', '--partitions', '6')
  const keys = Array.from({ length: 24 }, (_, n) => `k${n}`)
  const lines = keys.flatMap((key, n) => [1, 2].map((value) => JSON.stringify({ key, value: `${key} ${value}`, partition: n % 6 })))
  await produce('six', lines.join('\n'), { json: true })
  const printed = await ok('consume', 'six')
  assert.equal(objects(printed).length, 48)
  const rows = (text: string) =>
    objects(text).map(({ partition, offset, timestamp, key, value }) => [partition, offset, timestamp, key, value])
  const inOrder = (text: string): string[] =>
    rows(text)
      .map((row) => JSON.stringify(row))
      .toSorted()

  await ok('topics', 'create', 'same', '--partitions', '6')
  await produce('same', printed, { json: true })
  assert.deepEqual(inOrder(await ok('consume', 'same')), inOrder(printed))

  await ok('topics', 'create', 'three', '--partitions', '3')
  const line = objects(printed).findIndex(({ partition }) => (partition as number) >= 3)
  await assert.rejects(produce('three', printed, { json: true }), {
    code: 'CLI_INPUT_PARTITION',
    message: new RegExp(`^Line ${line + 1} of the input has "partition": [345], and topic three has 3 partitions;.* --ignore-partition `),
  })
  assert.equal(objects(await ok('consume', 'three')).length, line, 'those before it')

  await ok('topics', 'create', 'by-key', '--partitions', '3')
  const { stderr } = await produce('by-key', printed, { json: true, ignorePartition: true })
  assert.equal(stderr, '48 records written to by-key\n')
  const copied = objects(await ok('consume', 'by-key'))
  for (const key of keys) {
    const own = copied.filter((record) => record['key'] === key)
    assert.deepEqual(
      own.map(({ value }) => value),
      [`${key} 1`, `${key} 2`],
    )
    assert.equal(new Set(own.map(({ partition }) => partition)).size, 1, 'a key is in one partition')
  }
  assert.deepEqual(new Set(copied.map(({ partition }) => partition)), new Set([0, 1, 2]))
})

void test('lines are records, and are printed as objects', async () => {
  await ok('topics', 'create', 'lines', '--partitions', '2')
  const { stderr } = await produce('lines', 'a:1\r\nb:2\nno key\n\nlast:end', {
    keySeparator: ':',
    header: ['source=test'],
    partition: '1',
  })
  assert.equal(stderr, '5 records written to lines\n')
  const found = objects(await ok('consume', 'lines'))
  assert.deepEqual(
    found.map(({ key, value, partition, offset }) => [key, value, partition, offset]),
    [
      ['a', '1', 1, 0],
      ['b', '2', 1, 1],
      [null, 'no key', 1, 2],
      [null, '', 1, 3],
      ['last', 'end', 1, 4],
    ],
  )
  assert.deepEqual(found[0]!['headers'], [{ key: 'source', value: 'test' }])
  assert.ok(Math.abs(Date.parse(found[0]!['timestamp'] as string) - Date.now()) < 60_000)
  assert.equal(await ok('consume', 'lines', '--from', '1', '--max', '1', '--partition', '1', '--format', 'value'), '2\n')
  assert.equal(await ok('consume', 'lines', '--from', 'end'), '')
  assert.equal(objects(await ok('consume', 'lines', '--from', '1h')).length, 5)
})

void test('what is printed can be read back, bytes that are no text too', async () => {
  await ok('topics', 'create', 'copied', '--partitions', '1')
  const lines = [
    { key: 'k', value: 'text', headers: [{ key: 'h', value: null }], timestamp: '2026-01-31T12:00:00.000Z' },
    { key: null, value: null },
    { key: { base64: '/wA=' }, value: { base64: 'gIE=' }, headers: { a: '1' } },
    { value: { id: 7 } },
  ]
  await produce('copied', lines.map((line) => JSON.stringify(line)).join('\n'), { json: true })
  const printed = await ok('consume', 'copied')
  await ok('topics', 'create', 'copy', '--partitions', '1')
  await produce('copy', printed, { json: true, compression: 'zstd' })
  const strip = (text: string) => objects(text).map((one): Record<string, unknown> => ({ ...one, topic: '' }))
  const copy = strip(await ok('consume', 'copy'))
  assert.deepEqual(copy, strip(printed))
  assert.deepEqual(
    [copy[0]!['timestamp'], copy[2]!['value'], copy[3]!['value']],
    ['2026-01-31T12:00:00.000Z', { base64: 'gIE=' }, '{"id":7}'],
  )
  assert.equal(objects(await ok('consume', 'copy', '--from', '2026-02-01T00:00:00Z')).length, 3)
})

void test('a line that is no record is named, and those before it are written', async () => {
  await ok('topics', 'create', 'broken')
  await assert.rejects(produce('broken', '{"value":"good"}\n{"valu":1}\n', { json: true }), {
    code: 'CLI_INPUT_LINE',
    message: /Line 2 .*"valu"/,
  })
  assert.equal(objects(await ok('consume', 'broken')).length, 1)
})

void test('following ends with Ctrl-C, and when nobody reads the output any more', async () => {
  await ok('topics', 'create', 'followed')
  const handlers = new Map<string, () => void>()
  const signals = { on: (signal: string, handler: () => void) => handlers.set(signal, handler), off: () => undefined }
  const flags = {
    partition: [],
    follow: true,
    from: 'beginning',
    isolation: 'committed',
    format: 'value',
    clientConfig: [],
    bootstrap: log.bootstrap,
  }
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const running = consumeCommand('followed', flags, { stdout, stderr, environment: {}, cwd: folder }, ports('', signals))
  await produce('followed', 'one\ntwo\n')
  const until = async (text: string): Promise<void> => {
    while (stdout.text !== text) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await until('one\ntwo\n')
  await ok('topics', 'alter', 'followed', '--partitions', '2')
  await produce('followed', '{"value":"of a new partition","partition":1}\n', { json: true })
  await until('one\ntwo\nof a new partition\n')
  await ok('topics', 'delete', 'followed')
  await ok('topics', 'create', 'followed', '--partitions', '2')
  while (!stderr.text.includes('a topic was made again')) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.match(
    stderr.text,
    /^millrace: a topic was made again under its name; it is read from its beginning \(topic followed, partition \d, offset \d\)$/m,
  )
  handlers.get('SIGINT')!()
  assert.equal(await running, 0)
  const gone = Object.assign(new RecordingOutput(), { isGone: true })
  assert.equal(await consumeCommand('followed', flags, { stdout: gone, stderr: stdout, environment: {}, cwd: folder }, ports('')), 0)
})

const CONSUME = { partition: [], from: 'beginning', isolation: 'committed', format: 'value', clientConfig: [], bootstrap: log.bootstrap }

void test('reading up to the end ends where the topic is deleted meanwhile, whatever has its name then', async () => {
  await ok('topics', 'create', 'brief', '--partitions', '1')
  // Far more than is fetched ahead.
  const value = 'x'.repeat(900_000)
  for (let count = 0; count < 8; count++) await produce('brief', `${value}\n`)
  let isDeleted = false
  const drained = async (): Promise<void> => {
    if (isDeleted) return
    isDeleted = true
    await ok('topics', 'delete', 'brief')
    await ok('topics', 'create', 'brief', '--partitions', '1')
  }
  const stdout = Object.assign(new RecordingOutput(), { drained })
  const reading = consumeCommand('brief', CONSUME, { stdout, stderr: new RecordingOutput(), environment: {}, cwd: folder }, ports(''))
  await assert.rejects(reading, { code: 'CLI_TOPIC_DELETED', message: /^Topic brief was deleted/ })
  assert.ok(stdout.text.length < 8 * 900_000)
})

void test('a member that is given no partition ends when its group has read to the end', async () => {
  await ok('topics', 'create', 'shared', '--partitions', '1')
  await produce('shared', 'a\nb\n')
  const client = new LogClient({ bootstrap: log.bootstrap })
  const member = client.groupConsumer({
    groupId: 'sharers',
    topics: ['shared'],
    offsetReset: 'earliest',
    instanceId: 'a',
    autoCommit: false,
  })
  while (member.assignment.length === 0) await member.poll({ waitMs: 10, maxRecords: 1 })
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const reading = consumeCommand('shared', { ...CONSUME, group: 'sharers' }, { stdout, stderr, environment: {}, cwd: folder }, ports(''))
  while (member.position({ topic: 'shared', partition: 0 }) !== 2) await member.poll({ waitMs: 10 })
  await member.commit()
  assert.equal(await reading, 0)
  assert.equal(stdout.text, '')
  await member.close()
  client.close()
})

void test('groups have lag, are reset and deleted', async () => {
  await ok('topics', 'create', 'read', '--partitions', '1')
  await produce('read', 'a\nb\nc\n')
  assert.equal(await ok('consume', 'read', '--group', 'readers', '--from', 'beginning', '--format', 'value'), 'a\nb\nc\n')
  await produce('read', 'd\n')
  assert.match(await ok('groups', 'list'), /readers +Empty/)
  const [row] = objects(await ok('groups', 'describe', 'readers', '--format', 'json'))
  assert.deepEqual([row!['offset'], row!['end'], row!['lag']], [3, 4, 1])
  assert.match(await ok('groups', 'describe', 'readers'), /^group readers, Empty[^]*read +0 +3 +4 +1/)
  await ok('groups', 'reset-offsets', 'readers', '--topic', 'read', '--to', '1', '--dry-run')
  assert.equal(await ok('consume', 'read', '--group', 'readers', '--format', 'value'), 'd\n')
  await ok('groups', 'reset-offsets', 'readers', '--topic', 'read', '--to', '1')
  assert.equal(await ok('consume', 'read', '--group', 'readers', '--format', 'value'), 'b\nc\nd\n')
  const client = new LogClient({ bootstrap: log.bootstrap })
  const member = client.groupConsumer({ groupId: 'readers', topics: ['read'] })
  while (member.assignment.length === 0) await member.poll({ waitMs: 10 })
  const { stderr } = await command('groups', 'reset-offsets', 'readers', '--topic', 'read', '--to', '1')
  assert.match(stderr, /those of its 1 member: stop it before they are set \[CLI_GROUP_ACTIVE\]/)
  await member.close()
  client.close()
  assert.equal((await command('groups', 'delete', 'readers', 'nobody')).exitCode, 2)
  assert.ok((await ok('groups', 'list')).includes('readers'), 'none is deleted where one is not there')
  await ok('groups', 'delete', 'readers')
  assert.ok(!(await ok('groups', 'list')).includes('readers'))
})

void test('broker runs from millrace.yaml until SIGTERM', async () => {
  writeFileSync(join(folder, 'millrace.yaml'), 'parallelism: 2\nbroker:\n  port: 0\n  config:\n    num.partitions: 3\n')
  const starter = join(folder, 'start.mjs')
  writeFileSync(
    starter,
    `import { main, processOutput } from ${JSON.stringify(import.meta.resolve('@millrace/cli'))}
const io = { stdout: processOutput(process.stdout), stderr: processOutput(process.stderr), environment: {}, cwd: process.cwd() }
process.exitCode = await main(process.argv.slice(2), '0', io)
`,
  )
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const child = spawn(process.execPath, [...conditions, starter, 'broker', '--dir', 'broker', '--dir', 'second'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
  while (!/listening on \S+,/.test(stdout) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20))
  const client = new LogClient({ bootstrap: /listening on (\S+),/.exec(stdout)?.[1] ?? assert.fail(stderr) })
  await client.admin.createTopics([{ name: 'made' }])
  assert.equal((await client.admin.describeTopic('made')).partitions.length, 3)
  client.close()
  child.kill('SIGTERM')
  assert.equal(await closed, 0, stderr)
  assert.match(stdout, /stopped; everything is on the disk\n$/)
  for (const dir of ['broker', 'second']) assert.ok(existsSync(join(folder, dir, 'meta.properties')), stdout)
  rmSync(join(folder, 'millrace.yaml'))
})
