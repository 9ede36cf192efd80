// Kafka's own command-line tools against a broker: node main.ts BOOTSTRAP RUN CLIENT SCENARIO…
import kafkajs from 'kafkajs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as harness from '../node/harness.ts'
import { bootstrap, numbers, prefix, skip } from '../node/harness.ts'

const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
const tools = 'org.apache.kafka.tools.'
const server = ['--bootstrap-server', bootstrap]

/** @returns what a tool says, of its errors too */
async function run(tool: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', process.env['MATRIX_CLASSPATH']!, tool, ...args])
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stdin.end(input)
  await new Promise((resolve) => child.on('close', resolve))
  return said
}

function topics(...args: readonly string[]): Promise<string> {
  return run(`${tools}TopicCommand`, [...server, ...args])
}

function consoleProducer(topic: string, input: string): Promise<string> {
  return run(
    `${tools}ConsoleProducer`,
    [...server, '--topic', topic, '--property', 'parse.key=true', '--property', 'key.separator=:'],
    input,
  )
}

function consoleConsumer(topic: string, count: number, ...args: readonly string[]): Promise<string> {
  const limits = ['--from-beginning', '--max-messages', String(count), '--timeout-ms', '20000']
  return run(`${tools}consumer.ConsoleConsumer`, [...server, '--topic', topic, ...limits, ...args])
}

/** A topic with 10 records in each partition. */
async function filledTopic(what: string, partitions = 1, ...configs: readonly string[]): Promise<string> {
  const topic = prefix + what
  assert.match(await topics('--create', '--topic', topic, '--partitions', String(partitions), ...configs), /Created topic/)
  const producer = kafka.producer()
  await producer.connect()
  const messages = numbers(partitions).flatMap((partition) => numbers(10).map((i) => ({ partition, key: `key-${i}`, value: `value-${i}` })))
  await producer.send({ topic, messages })
  await producer.disconnect()
  return topic
}

async function topicCommand(): Promise<void> {
  const topic = `${prefix}topics`
  assert.match(await topics('--create', '--topic', topic, '--partitions', '3', '--config', 'retention.ms=1234567'), /Created topic/)
  assert.match(await topics('--create', '--topic', topic), /already exists/)
  assert.ok((await topics('--list')).split('\n').includes(topic))
  const described = await topics('--describe', '--topic', topic)
  assert.match(described, /PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=1234567/)
  assert.match(described, /Partition: 2\s+Leader: \d+\s+Replicas: (\d+)\s+Isr: \1/)
  await topics('--alter', '--topic', topic, '--partitions', '5')
  assert.match(await topics('--describe', '--topic', topic), /PartitionCount: 5/)
  assert.equal(await topics('--describe', '--under-replicated-partitions', '--topic', topic), '')
  assert.equal(await topics('--delete', '--topic', topic), '')
  assert.ok(!(await topics('--list')).split('\n').includes(topic))
}

async function consoles(): Promise<void> {
  const topic = `${prefix}consoles`
  await topics('--create', '--topic', topic)
  assert.equal(await consoleProducer(topic, 'a:1\nb:2\n'), '')
  const shown = await consoleConsumer(topic, 2, '--property', 'print.key=true', '--property', 'print.offset=true')
  assert.match(shown, /Offset:0\s+a\s+1\nOffset:1\s+b\s+2\nProcessed a total of 2 messages/)
}

async function getOffsets(): Promise<void> {
  const topic = await filledTopic('get-offsets', 2)
  const shell = (...args: readonly string[]): Promise<string> => run(`${tools}GetOffsetShell`, [...server, '--topic', topic, ...args])
  assert.equal(await shell(), `${topic}:0:10\n${topic}:1:10\n`)
  assert.equal(await shell('--time', 'earliest'), `${topic}:0:0\n${topic}:1:0\n`)
  assert.match(await shell('--time', 'max-timestamp'), new RegExp(`${topic}:0:\\d\n${topic}:1:\\d\n`))
}

async function configCommand(): Promise<void> {
  const topic = `${prefix}configs`
  await topics('--create', '--topic', topic)
  const configs = (...args: readonly string[]): Promise<string> => run('kafka.admin.ConfigCommand', [...server, ...args])
  const entity = ['--entity-type', 'topics', '--entity-name', topic]
  assert.match(
    await configs(...entity, '--alter', '--add-config', 'retention.ms=1000,cleanup.policy=[compact,delete]'),
    /Completed updating config/,
  )
  const described = await configs(...entity, '--describe')
  assert.match(described, /retention\.ms=1000 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention\.ms=1000/)
  assert.match(described, /cleanup\.policy=compact,delete/)
  assert.match(await configs(...entity, '--alter', '--add-config', 'retention.ms=soon'), /InvalidConfigurationException|InvalidRequest/)
  assert.match(await configs(...entity, '--alter', '--delete-config', 'retention.ms'), /Completed updating config/)
  assert.doesNotMatch(await configs(...entity, '--describe'), /retention\.ms/)
  assert.match(
    await configs(...entity, '--describe', '--all'),
    /retention\.ms=604800000 .*DEFAULT_CONFIG:log\.retention\.hours=168|retention\.ms=604800000/,
  )
  const brokers = ['--entity-type', 'brokers', '--entity-default']
  assert.match(await configs(...brokers, '--alter', '--add-config', 'message.max.bytes=1048577'), /Completed updating default config/)
  assert.match(await configs(...brokers, '--describe'), /message\.max\.bytes=1048577 .*DYNAMIC_DEFAULT_BROKER_CONFIG/)
  await configs(...brokers, '--alter', '--delete-config', 'message.max.bytes')
}

async function quotas(): Promise<void> {
  const configs = (...args: readonly string[]): Promise<string> => run('kafka.admin.ConfigCommand', [...server, ...args])
  const user = ['--entity-type', 'users', '--entity-name', `${prefix}user`]
  assert.match(await configs(...user, '--alter', '--add-config', 'producer_byte_rate=1048576'), /Completed updating config/)
  assert.match(await configs(...user, '--describe'), /producer_byte_rate=1048576/)
  await configs(...user, '--alter', '--delete-config', 'producer_byte_rate')
  assert.doesNotMatch(await configs(...user, '--describe'), /producer_byte_rate/)
}

async function scram(): Promise<void> {
  const configs = (...args: readonly string[]): Promise<string> => run('kafka.admin.ConfigCommand', [...server, ...args])
  const user = ['--entity-type', 'users', '--entity-name', `${prefix}scram`]
  assert.match(
    await configs(...user, '--alter', '--add-config', 'SCRAM-SHA-256=[iterations=8192,password=secret]'),
    /Completed updating config/,
  )
  assert.match(await configs(...user, '--describe'), /SCRAM-SHA-256=iterations=8192/)
  assert.match(await configs(...user, '--alter', '--delete-config', 'SCRAM-SHA-256'), /Completed updating config/)
}

async function consumerGroups(): Promise<void> {
  const [topic, group] = [await filledTopic('consumer-groups'), `${prefix}group`]
  const groups = (...args: readonly string[]): Promise<string> => run(`${tools}consumer.group.ConsumerGroupCommand`, [...server, ...args])
  assert.match(await consoleConsumer(topic, 10, '--group', group), /Processed a total of 10 messages/)
  assert.ok((await groups('--list')).split('\n').includes(group))
  assert.match(await groups('--describe', '--group', group), new RegExp(`${group}\\s+${topic}\\s+0\\s+10\\s+10\\s+0\\s`))
  assert.match(await groups('--describe', '--group', group, '--state'), new RegExp(`${group}\\s+\\S+\\s+\\(\\d+\\).*Empty\\s+0`))
  const reset = ['--reset-offsets', '--group', group, '--topic', topic]
  assert.match(await groups(...reset, '--to-offset', '4', '--dry-run'), new RegExp(`${topic}\\s+0\\s+4`))
  assert.match(await groups(...reset, '--to-earliest', '--execute'), new RegExp(`${topic}\\s+0\\s+0`))
  assert.match(await groups('--describe', '--group', group), new RegExp(`${topic}\\s+0\\s+0\\s+10\\s+10\\s`))
  assert.match(await groups('--delete-offsets', '--group', group, '--topic', topic), /successful/i)
  assert.match(await groups('--delete', '--group', group), /was successful/)
  assert.ok(!(await groups('--list')).split('\n').includes(group))
}

async function newConsumerGroups(): Promise<void> {
  const [topic, group] = [await filledTopic('new-groups'), `${prefix}new-group`]
  const shown = await consoleConsumer(topic, 10, '--group', group, '--consumer-property', 'group.protocol=consumer')
  assert.match(shown, /Processed a total of 10 messages/)
  const listed = await run(`${tools}consumer.group.ConsumerGroupCommand`, [...server, '--list', '--type'])
  assert.match(listed, new RegExp(`${group}\\s+Consumer`, 'i'))
  const described = await run(`${tools}consumer.group.ConsumerGroupCommand`, [...server, '--describe', '--group', group])
  assert.match(described, new RegExp(`${topic}\\s+0\\s+10\\s+10\\s+0\\s`))
}

async function deleteRecords(): Promise<void> {
  const topic = await filledTopic('delete-records')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-clients-'))
  try {
    const path = join(folder, 'offsets.json')
    writeFileSync(path, JSON.stringify({ partitions: [{ topic, partition: 0, offset: 4 }], version: 1 }))
    const said = await run(`${tools}DeleteRecordsCommand`, [...server, '--offset-json-file', path])
    assert.match(said, new RegExp(`partition: ${topic}-0\\s+low_watermark: 4`))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function logDirs(): Promise<void> {
  const topic = await filledTopic('log-dirs')
  const said = await run(`${tools}LogDirsCommand`, [...server, '--describe', '--topic-list', topic])
  const { brokers } = JSON.parse(said.slice(said.indexOf('{'))) as {
    brokers: { logDirs: { partitions: { partition: string; size: number }[] }[] }[]
  }
  const [partition] = brokers.flatMap(({ logDirs: all }) => all.flatMap(({ partitions }) => partitions))
  assert.equal(partition?.partition, `${topic}-0`)
  assert.ok(partition.size > 100)
}

async function transactions(): Promise<void> {
  const topic = await filledTopic('transactions')
  const transactionalId = `${prefix}transactions`
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const open = await producer.transaction()
  await open.send({ topic, messages: [{ value: 'open' }] })
  const command = (...args: readonly string[]): Promise<string> => run(`${tools}TransactionsCommand`, [...server, ...args])
  try {
    assert.match(await command('list'), new RegExp(`${transactionalId}\\s+\\d+\\s+\\d+\\s+Ongoing`))
    assert.match(await command('describe', '--transactional-id', transactionalId), new RegExp(`Ongoing.*${topic}-0`, 's'))
    assert.match(
      await command('describe-producers', '--topic', topic, '--partition', '0'),
      /ProducerId.*\n\d+\s+\d+\s+-?\d+\s+\d+\s+\d+\s+1[05]/,
    )
  } finally {
    await open.commit()
  }
  assert.match(await command('list'), new RegExp(`${transactionalId}\\s+\\d+\\s+\\d+\\s+(CompleteCommit|PrepareCommit)`))
  assert.doesNotMatch(await command('find-hanging', '--broker-id', '1'), new RegExp(topic))
  await producer.disconnect()
}

async function acls(): Promise<void> {
  const topic = `${prefix}acls`
  const command = (...args: readonly string[]): Promise<string> => run(`${tools}AclCommand`, [...server, ...args])
  const about = ['--topic', topic, '--resource-pattern-type', 'prefixed']
  await command('--add', '--allow-principal', 'User:bob', '--producer', ...about)
  const listed = await command('--list', '--topic', topic, '--resource-pattern-type', 'prefixed')
  assert.match(listed, /principal=User:bob, host=\*, operation=WRITE, permissionType=ALLOW/)
  assert.match(listed, /operation=DESCRIBE, /)
  await command('--remove', '--force', ...about)
  assert.doesNotMatch(await command('--list', ...about), /User:bob/)
}

async function cluster(): Promise<void> {
  assert.match(await run(`${tools}ClusterTool`, ['cluster-id', ...server]), /Cluster ID: [\w-]{22}/)
  assert.match(await run(`${tools}FeatureCommand`, [...server, 'describe']), /transaction\.version.*FinalizedVersionLevel: 2/)
  assert.match(await run(`${tools}BrokerApiVersionsCommand`, server), /Produce\(0\): 0 to \d+ \[usable: \d+\]/)
}

async function elections(): Promise<void> {
  const topic = await filledTopic('elections')
  const said = await run(`${tools}LeaderElectionCommand`, [...server, '--election-type', 'preferred', '--topic', topic, '--partition', '0'])
  assert.match(said, /Valid replica already elected/)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-clients-'))
  try {
    const path = join(folder, 'topics.json')
    writeFileSync(path, JSON.stringify({ topics: [{ topic }], version: 1 }))
    const plan = ['--generate', '--topics-to-move-json-file', path, '--broker-list', '1']
    assert.match(
      await run(`${tools}reassign.ReassignPartitionsCommand`, [...server, ...plan]),
      new RegExp(`"topic":"${topic}","partition":0,"replicas":\\[1\\]`),
    )
    assert.match(await run(`${tools}reassign.ReassignPartitionsCommand`, [...server, '--list']), /No partition reassignments found/)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The log directory, which DumpLogSegments reads. */
const dir = process.env['MATRIX_DIR']

async function dump(files: readonly string[], ...args: readonly string[]): Promise<string> {
  assert.ok(files.length > 0, 'there are no such files')
  const said = await run('kafka.tools.DumpLogSegments', ['--files', files.join(','), ...args])
  assert.doesNotMatch(said, /isvalid: false|Exception|Mismatches|Found timestamp mismatch|Index \S+ is not sane|Non-consecutive/)
  return said
}

async function dumpData(): Promise<void> {
  const topic = `${prefix}dump`
  await topics('--create', '--topic', topic, '--config', 'segment.bytes=1048576', '--config', 'index.interval.bytes=4096')
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const i of numbers(30)) {
    const messages = numbers(10).map((n) => ({ key: `key-${i * 10 + n}`, value: 'x'.repeat(10_000), headers: { number: String(n) } }))
    await producer.send({ topic, messages, compression: i % 2 === 0 ? kafkajs.CompressionTypes.None : kafkajs.CompressionTypes.GZIP })
  }
  await producer.disconnect()
  const folder = join(dir!, `${topic}-0`)
  const logs = globSync(join(folder, '*.log')).toSorted()
  assert.ok(logs.length > 1, 'it rolled')
  const said = await dump(logs, '--print-data-log', '--deep-iteration')
  assert.equal(said.match(/\| offset: \d+ .*headerKeys: \[number\] key: key-\d+ payload: x/g)?.length, 300)
  // Those of the active segment may end in zeros, which the tool does not take.
  const closed = logs.slice(0, -1).map((path) => path.slice(0, -'.log'.length))
  const indexes = closed.flatMap((path) => [`${path}.index`, `${path}.timeindex`])
  assert.match(await dump(indexes, '--index-sanity-check'), /passed sanity check/)
  assert.match(await dump(indexes.slice(0, 2)), /offset: \d+ position: \d+/)
  assert.match(await dump(globSync(join(folder, '*.snapshot'))), /producerId: \d+ producerEpoch: 0/)
}

/** All that the decoder makes of the segments of an internal topic. */
async function decoded(topic: string, decoder: string): Promise<string> {
  const logs = globSync(join(dir!, `${topic}-*`, '*.log'))
  return await dump(logs, decoder)
}

async function dumpOffsets(): Promise<void> {
  const [topic, classic, modern] = [await filledTopic('dump-offsets'), `${prefix}dump-classic`, `${prefix}dump-modern`]
  await consoleConsumer(topic, 10, '--group', classic)
  await consoleConsumer(topic, 10, '--group', modern, '--consumer-property', 'group.protocol=consumer')
  const said = await decoded('__consumer_offsets', '--offsets-decoder')
  const offset = (group: string): RegExp =>
    new RegExp(
      `key: {"type":"1","data":{"group":"${group}","topic":"${topic}","partition":0}} payload: {"version":"\\d","data":{"offset":10,`,
    )
  assert.match(said, offset(classic))
  assert.match(said, offset(modern))
  assert.match(
    said,
    new RegExp(`key: {"type":"2","data":{"group":"${classic}"}} payload: {"version":"\\d","data":{"protocolType":"consumer"`),
  )
  for (const type of ['3', '5', '6', '7', '8']) assert.match(said, new RegExp(`key: {"type":"${type}","data":{"groupId":"${modern}"`), type)
  assert.doesNotMatch(said, /could not be decoded|Failed to decode/i)
}

async function dumpTransactions(): Promise<void> {
  const topic = await filledTopic('dump-transactions', 1, '--config', 'segment.ms=500')
  const transactionalId = `${prefix}dump-transactions`
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const end of ['commit', 'abort'] as const) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: end }] })
    await transaction[end]()
  }
  // The next record begins a segment; what belongs to the one before is written.
  await sleep(600)
  const next = await producer.transaction()
  await next.send({ topic, messages: [{ value: 'next' }] })
  await next.commit()
  await producer.disconnect()
  const states = await decoded('__transaction_state', '--transaction-log-decoder')
  const record = (status: number): RegExp =>
    new RegExp(
      `key: {"type":"0","data":{"transactionalId":"${transactionalId}"}} payload: {"version":"\\d","data":{.*"transactionStatus":${status},`,
    )
  // Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort.
  for (const status of [1, 2, 3, 4, 5]) assert.match(states, record(status), `state ${status}`)
  const data = await dump(globSync(join(dir!, `${topic}-0`, '*.log')), '--print-data-log')
  assert.match(data, /endTxnMarker: COMMIT coordinatorEpoch: \d+/)
  assert.match(data, /endTxnMarker: ABORT coordinatorEpoch: \d+/)
  assert.match(await dump(globSync(join(dir!, `${topic}-0`, '*.txnindex'))), /firstOffset/i)
}

function overDirectory(scenario: () => Promise<void>): () => void | Promise<void> {
  return dir === undefined ? skip('the log directory of the broker is not known') : scenario
}

await harness.runScenarios({
  'tools-topics': topicCommand,
  'tools-consoles': consoles,
  'tools-get-offsets': getOffsets,
  'tools-configs': configCommand,
  'tools-quotas': quotas,
  'tools-scram': scram,
  'tools-consumer-groups': consumerGroups,
  'tools-new-groups': newConsumerGroups,
  'tools-delete-records': deleteRecords,
  'tools-log-dirs': logDirs,
  'tools-transactions': transactions,
  'tools-acls': acls,
  'tools-cluster': cluster,
  'tools-elections': elections,
  'tools-dump-data': overDirectory(dumpData),
  'tools-dump-offsets': overDirectory(dumpOffsets),
  'tools-dump-transactions': overDirectory(dumpTransactions),
})
