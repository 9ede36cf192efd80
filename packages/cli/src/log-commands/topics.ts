import type { LogClient, TopicView } from '@millrace/log/client'
import { cliError } from '../errors.ts'
import { readPairs, type ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { printRows } from '../table.ts'
import { done, wholeNumber, withLogClient } from './log-client.ts'

/** `millrace topics list` */
export async function listTopics(flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await withLogClient(flags, io, async (client) => {
    const topics = (await client.admin.listTopics()).filter(({ isInternal }) => flags['internal'] === true || !isInternal)
    const rows = topics.map((topic) => ({
      topic: topic.name,
      partitions: topic.partitions.length,
      replicas: topic.partitions[0]?.replicas.length ?? 0,
    }))
    printRows(io, flags['format'], rows, ['topic', 'partitions', 'replicas'])
    return done
  })
}

/** `millrace topics create` */
export async function createTopic(name: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const partitions = wholeNumber('--partitions', flags['partitions'], 1)
  const replicationFactor = wholeNumber('--replication-factor', flags['replicationFactor'], 1)
  const configs = readPairs('--config', flags['config'])
  return await withLogClient(flags, io, async (client) => {
    const counts = {
      ...(partitions === undefined ? {} : { partitions }),
      ...(replicationFactor === undefined ? {} : { replicationFactor }),
    }
    await client.admin.createTopics([{ name, configs, ...counts }])
    io.stderr.write(`topic ${name} is made\n`)
    return done
  })
}

/** `millrace topics describe` */
export async function describeTopics(names: readonly string[], flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await withLogClient(flags, io, async (client) => {
    for (const name of names) await describe(client, await client.admin.describeTopic(name), flags['format'], io)
    return done
  })
}

async function describe(client: LogClient, topic: TopicView, format: unknown, io: CommandIo): Promise<void> {
  const { name, partitions } = topic
  const led = partitions.filter(({ leader }) => leader >= 0)
  const offsets = (spec: 'earliest' | 'latest') => client.admin.listOffsets(led.map(({ partition }) => ({ topic: name, partition, spec })))
  const [starts, ends, configs] = await Promise.all([offsets('earliest'), offsets('latest'), client.admin.describeConfigs('topic', name)])
  const changed = configs.filter(({ source }) => source === 'topic')
  const rows = partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => ({
    partition,
    leader: leader < 0 ? null : leader,
    epoch: leaderEpoch,
    replicas,
    isr,
    start: starts.find((one) => one.partition === partition)?.offset ?? null,
    end: ends.find((one) => one.partition === partition)?.offset ?? null,
  }))
  if (format === 'json') {
    const config = Object.fromEntries(changed.map((one) => [one.name, one.value]))
    io.stdout.write(`${JSON.stringify({ topic: name, id: Buffer.from(topic.id).toString('base64url'), config, partitions: rows })}\n`)
    return
  }
  io.stdout.write(`topic ${name}\n`)
  for (const { name: config, value } of changed) io.stdout.write(`  ${config} = ${value ?? '(hidden)'}\n`)
  printRows(io, format, rows, ['partition', 'leader', 'epoch', 'replicas', 'isr', 'start', 'end'])
}

/** `millrace topics delete` */
export async function deleteTopics(names: readonly string[], flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await withLogClient(flags, io, async (client) => {
    // None is deleted where one is not there.
    for (const name of names) await client.admin.describeTopic(name)
    await client.admin.deleteTopics(names)
    io.stderr.write(`${names.length === 1 ? 'topic' : 'topics'} ${names.join(', ')} deleted\n`)
    return done
  })
}

/** `millrace topics alter` */
export async function alterTopic(name: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const partitions = wholeNumber('--partitions', flags['partitions'], 1)
  const set = Object.entries(readPairs('--config', flags['config'])).map(([config, value]) => ({
    name: config,
    value,
    operation: 'set' as const,
  }))
  const removed = (flags['deleteConfig'] as readonly string[]).map((config) => ({ name: config, operation: 'delete' as const }))
  if (partitions === undefined && set.length + removed.length === 0) {
    throw cliError('CLI_ARGUMENT', {
      flag: 'topics alter',
      expected: 'be told what by --partitions, --config or --delete-config',
      value: 'without',
    })
  }
  return await withLogClient(flags, io, async (client) => {
    // Nothing of the topic is changed where the rest could not be.
    const { partitions: present } = await client.admin.describeTopic(name)
    if (partitions !== undefined && partitions <= present.length) {
      throw cliError('CLI_ARGUMENT', {
        flag: '--partitions',
        expected: `be more than the ${present.length} that there are`,
        value: partitions,
      })
    }
    if (set.length + removed.length > 0) await client.admin.alterConfigs('topic', name, [...set, ...removed])
    if (partitions !== undefined) await client.admin.createPartitions(name, partitions)
    io.stderr.write(`topic ${name} is changed\n`)
    return done
  })
}
