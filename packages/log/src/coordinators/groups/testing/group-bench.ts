/** A group coordinator's partition on a virtual clock, for tests, with the requests of the classic protocol as calls. */
import assert from 'node:assert/strict'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { answer, PartitionCoordinator, type Marker } from '../../framework/index.ts'
import { MemoryLog, type MemoryLogOptions } from '../../framework/testing/memory-log.ts'
import { commitOffsets, type CommitRequest } from '../../offsets/commit.ts'
import { fetchOffsets, type FetchedPartition } from '../../offsets/fetch.ts'
import { ClassicRequests, type ClassicMembersOfConsumerGroups, type LeaveReply } from '../classic-requests.ts'
import type { JoinResponse, SyncResponse } from '../classic/classic-group.ts'
import type { JoinRequest } from '../classic/join.ts'
import { groupMachine, type GroupSettings } from '../group-machine.ts'
import { isClassicGroup, type Group, type GroupOperation, type GroupRecord, type GroupState } from '../group-store.ts'

export const SETTINGS: GroupSettings = {
  initialRebalanceDelayMs: 0,
  minSessionTimeoutMs: 10,
  maxSessionTimeoutMs: 1_800_000,
  maxSize: 2_147_483_647,
  metadataMaxBytes: 20,
  retentionMs: 60_000,
  retentionCheckIntervalMs: 10_000,
}

const nobody: ClassicMembersOfConsumerGroups = {
  join: () => assert.fail('no consumer group here'),
  sync: () => assert.fail('no consumer group here'),
  heartbeat: () => assert.fail('no consumer group here'),
  leave: () => assert.fail('no consumer group here'),
}

const NO_ID = new Uint8Array(16)

export interface GroupBenchOptions extends Partial<MemoryLogOptions> {
  readonly settings?: Partial<GroupSettings>
  readonly seed?: number
}

export class GroupBench {
  readonly #options: GroupBenchOptions
  readonly clock: VirtualClock
  readonly log: MemoryLog
  readonly settings: GroupSettings
  readonly requests: ClassicRequests
  readonly coordinator: PartitionCoordinator<GroupState, GroupRecord>
  /** What the coordinator would tell an operator. */
  readonly faults: unknown[] = []
  /** How often the state was thrown away after a failed append. */
  reloads = 0

  constructor(options: GroupBenchOptions = {}) {
    this.#options = options
    this.clock = (options.clock as VirtualClock | undefined) ?? new VirtualClock()
    this.settings = { ...SETTINGS, ...options.settings }
    this.log = new MemoryLog({ ...options, clock: this.clock })
    this.requests = new ClassicRequests(() => this.settings, nobody)
    this.coordinator = new PartitionCoordinator({
      name: 'group',
      partition: 0,
      machine: groupMachine(() => this.settings),
      log: this.log,
      clock: this.clock,
      random: new SeededRandom(options.seed ?? 1),
      onNotice: ({ kind, error }) => {
        if (kind === 'fault') this.faults.push(error)
        if (kind === 'append-failed') this.reloads++
      },
    })
  }

  static async start(options: GroupBenchOptions = {}): Promise<GroupBench> {
    const bench = new GroupBench(options)
    await bench.clock.run(bench.coordinator.loadSettled)
    return bench
  }

  /** The same log under a new coordinator, as after a restart. */
  async restarted(): Promise<GroupBench> {
    this.coordinator.close()
    const { batches, leaderEpoch } = this.log
    const seed = (this.#options.seed ?? 1) + 1
    return await GroupBench.start({ ...this.#options, clock: this.clock, batches, leaderEpoch: leaderEpoch + 1, seed })
  }

  /** Waits for the answer, moving time as far as that needs. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work)
  }

  submit<T>(operation: GroupOperation<T>): Promise<T> {
    return this.coordinator.submit(operation)
  }

  join(memberId: string, change: Partial<JoinRequest> = {}): Promise<JoinResponse> {
    return this.submit(this.requests.join(joinRequest(memberId, change)))
  }

  /** Joins as a member without an id does: is given one, and joins with it. */
  async enter(change: Partial<JoinRequest> = {}): Promise<JoinResponse> {
    const first = await this.join('', change)
    return first.errorCode === ERROR_CODE.MEMBER_ID_REQUIRED ? await this.join(first.memberId, change) : first
  }

  sync(member: Pick<JoinResponse, 'memberId' | 'generationId'>, assignments: Readonly<Record<string, string>> = {}): Promise<SyncResponse> {
    return this.submit(
      this.requests.sync({
        groupId: 'g',
        memberId: member.memberId,
        generationId: member.generationId ?? -1,
        groupInstanceId: null,
        protocolType: null,
        protocolName: null,
        assignments: Object.entries(assignments).map(([memberId, text]) => ({ memberId, assignment: Buffer.from(text) })),
      }),
    )
  }

  heartbeat(member: Pick<JoinResponse, 'memberId' | 'generationId'>, groupInstanceId: string | null = null): Promise<number> {
    const { memberId, generationId = -1 } = member
    return this.submit(this.requests.heartbeat({ groupId: 'g', memberId, generationId, groupInstanceId }))
  }

  leave(...leavers: readonly { readonly memberId?: string; readonly groupInstanceId?: string }[]): Promise<LeaveReply> {
    return this.submit(
      this.requests.leave(
        'g',
        leavers.map(({ memberId = '', groupInstanceId = null }) => ({ memberId, groupInstanceId, reason: null })),
      ),
    )
  }

  commit(
    offset: number,
    change: Partial<CommitRequest> & { readonly partition?: number; readonly topic?: string; readonly metadata?: string } = {},
  ): Promise<readonly number[]> {
    const { partition = 0, topic = 't', metadata = null } = change
    return this.submit(
      commitOffsets(
        {
          groupId: 'g',
          memberId: '',
          instanceId: null,
          generationOrEpoch: -1,
          version: 9,
          retentionTimeMs: -1,
          offsets: [{ topic, topicId: NO_ID, partition, offset, leaderEpoch: -1, metadata }],
          ...change,
        },
        this.settings,
      ),
    )
  }

  async fetch(partition = 0, requireStable = false, topic = 't'): Promise<FetchedPartition> {
    const topics = [{ topic, topicId: NO_ID, partitions: [partition] }]
    const reply = await this.submit(fetchOffsets({ groupId: 'g', memberId: null, memberEpoch: -1, topics, requireStable }))
    assert.equal(reply.errorCode, ERROR_CODE.NONE)
    return reply.topics[0]!.partitions[0]!
  }

  mark(marker: Omit<Marker, never>): Promise<void> {
    return this.coordinator.writeMarker({ ...marker, coordinatorEpoch: 0 })
  }

  group(groupId = 'g'): Promise<Group | undefined> {
    return this.submit<Group | undefined>(({ groups }, _, ticket) => ({ answers: [answer(ticket, groups.get(groupId))] }))
  }

  async state(): Promise<string> {
    const group = await this.group()
    return isClassicGroup(group) ? group.state : 'none'
  }
}

export function joinRequest(memberId: string, change: Partial<JoinRequest> = {}): JoinRequest {
  return {
    groupId: 'g',
    memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    sessionTimeoutMs: 1000,
    rebalanceTimeoutMs: 5000,
    protocols: [{ name: 'range', metadata: subscription('t') }],
    clientId: 'client',
    clientHost: '/127.0.0.1',
    isMemberIdRequired: true,
    canSkipAssignment: true,
    ...change,
  }
}

/** The consumer protocol's metadata of a member subscribed to these topics. */
export function subscription(...topics: readonly string[]): Uint8Array {
  const bytes: number[] = [0, 0, 0, 0, 0, topics.length]
  for (const topic of topics) bytes.push(0, topic.length, ...Buffer.from(topic))
  return Uint8Array.from([...bytes, 0, 0, 0, 0])
}
