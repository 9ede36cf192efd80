import type { GroupOffset, LogClient, OffsetToCommit } from '@millrace/log/client'
import { cliError } from '../errors.ts'
import { counted } from '../quantities.ts'
import type { ParsedFlags } from '../settings.ts'
import type { CommandIo } from '../terminal.ts'
import { printRows } from '../table.ts'
import { done, wholeNumber, withLogClient } from './log-client.ts'
import { parsePlace, type Place } from './start-position.ts'

/** `millrace groups list` */
export async function listGroups(flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await withLogClient(flags, io, async (client) => {
    const groups = await client.admin.groups.list()
    const rows = groups.map(({ groupId, state, type, protocolType }) => ({ group: groupId, state, type, protocol: protocolType }))
    printRows(io, flags['format'], rows, ['group', 'state', 'type', 'protocol'])
    return done
  })
}

/** `millrace groups describe`: each partition the group has committed or reads, with its lag. */
export async function describeGroup(groupId: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await withLogClient(flags, io, async (client) => {
    const group = await client.admin.groups.describe(groupId)
    if (group === undefined) throw cliError('CLI_GROUP_UNKNOWN', { group: groupId })
    const committed = await client.admin.groups.offsets(groupId)
    const owners = group.members.flatMap((member) => member.partitions.map((one) => ({ ...one, member })))
    const rows = await rowsOf(client, committed, owners)
    if (flags['format'] !== 'json') {
      io.stdout.write(
        `group ${groupId}, ${group.state}${group.protocol === '' ? '' : `, ${group.protocol}`}, ${counted(group.members.length, 'member')}\n`,
      )
    }
    printRows(io, flags['format'], rows, ['topic', 'partition', 'offset', 'end', 'lag', 'member', 'client', 'host'])
    return done
  })
}

interface Owner {
  readonly topic: string
  readonly partition: number
  readonly member: { readonly memberId: string; readonly clientId: string; readonly clientHost: string }
}

async function rowsOf(
  client: LogClient,
  committed: readonly GroupOffset[],
  owners: readonly Owner[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const keyOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string => `${topic} ${partition}`
  const all = new Map([...owners, ...committed].map((one) => [keyOf(one), { topic: one.topic, partition: one.partition }]))
  const sorted = [...all.values()].toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  const known = new Set((await client.admin.listTopics()).map(({ name }) => name))
  const ends = await client.admin.listOffsets(
    sorted.filter(({ topic }) => known.has(topic)).map((one) => ({ ...one, spec: 'latest' as const })),
  )
  return sorted.map((one) => {
    const offset = committed.find((other) => keyOf(other) === keyOf(one))?.offset
    const end = ends.find((other) => keyOf(other) === keyOf(one))?.offset
    const owner = owners.find((other) => keyOf(other) === keyOf(one))?.member
    return {
      ...one,
      offset: offset ?? null,
      end: end ?? null,
      lag: offset === undefined || end === undefined ? null : Math.max(0, end - offset),
      member: owner?.memberId ?? null,
      client: owner?.clientId ?? null,
      host: owner?.clientHost ?? null,
    }
  })
}

/** `millrace groups reset-offsets` */
export async function resetOffsets(groupId: string, flags: ParsedFlags, io: CommandIo): Promise<number> {
  const topic = flags['topic'] as string
  const to = parsePlace('--to', flags['to'] as string, Date.now())
  const wanted = (flags['partition'] as readonly string[]).map((text) => wholeNumber('--partition', text, 0)!)
  return await withLogClient(flags, io, async (client) => {
    const { partitions } = await client.admin.describeTopic(topic)
    const chosen = wanted.length > 0 ? wanted : partitions.map(({ partition }) => partition)
    const missing = chosen.find((partition) => partition >= partitions.length)
    if (missing !== undefined)
      throw cliError('CLI_ARGUMENT', { flag: '--partition', expected: `be 0 to ${partitions.length - 1}`, value: missing })
    const offsets = await targets(client, topic, chosen, to)
    if (flags['dryRun'] !== true) await setOffsets(client, groupId, offsets)
    printRows(
      io,
      flags['format'],
      offsets.map((one) => ({ group: groupId, ...one })),
      ['group', 'topic', 'partition', 'offset'],
    )
    return done
  })
}

/** Of a group with members they are not set: that is said with how many there are. */
async function setOffsets(client: LogClient, groupId: string, offsets: readonly OffsetToCommit[]): Promise<void> {
  try {
    await client.admin.groups.commitOffsets(groupId, offsets)
  } catch (error) {
    const group = await client.admin.groups.describe(groupId).catch(() => undefined)
    const count = group?.members.length ?? 0
    throw count === 0 ? error : cliError('CLI_GROUP_ACTIVE', { group: groupId, count }, error)
  }
}

/** An offset outside of a partition is moved to its nearest end. */
async function targets(
  client: LogClient,
  topic: string,
  partitions: readonly number[],
  to: Place,
): Promise<readonly { topic: string; partition: number; offset: number }[]> {
  const look = (spec: 'earliest' | 'latest') => client.admin.listOffsets(partitions.map((partition) => ({ topic, partition, spec })))
  if (typeof to === 'object' && 'offset' in to) {
    const [starts, ends] = await Promise.all([look('earliest'), look('latest')])
    return partitions.map((partition, index) => ({
      topic,
      partition,
      offset: Math.min(Math.max(to.offset, starts[index]!.offset), ends[index]!.offset),
    }))
  }
  const found = await client.admin.listOffsets(partitions.map((partition) => ({ topic, partition, spec: to })))
  return found.map(({ partition, offset }) => ({ topic, partition, offset }))
}

/** `millrace groups delete` */
export async function deleteGroups(ids: readonly string[], flags: ParsedFlags, io: CommandIo): Promise<number> {
  return await withLogClient(flags, io, async (client) => {
    // None is deleted where one is not there.
    for (const group of ids) if ((await client.admin.groups.describe(group)) === undefined) throw cliError('CLI_GROUP_UNKNOWN', { group })
    await client.admin.groups.delete(ids)
    io.stderr.write(`${ids.length === 1 ? 'group' : 'groups'} ${ids.join(', ')} deleted\n`)
    return done
  })
}
