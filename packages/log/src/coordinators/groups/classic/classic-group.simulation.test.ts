/**
 * Classic groups under clients that join, lead, sync, send heartbeats, fall silent, leave, repeat requests, and are static or not, on a log whose appends
 * fail and a coordinator that is replaced, under a seed.
 *
 * 1. A generation has one leader, and the members that it hears of are those of the generation.
 * 2. What a member gets is what the leader of its generation gave it, and nobody else's.
 * 3. Nobody is stuck: every request is answered, and when the clients are left alone they soon are one stable group.
 * 4. At the end the group is what a replay of its log makes of it.
 *
 * `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { AppendFate } from '../../framework/testing/memory-log.ts'
import { GroupBench, subscription } from '../testing/group-bench.ts'
import { isClassicGroup } from '../group-store.ts'
import { groupRecord, type ClassicGroup, type JoinResponse } from './classic-group.ts'

type Case = 'generation' | 'shared' | 'silent' | 'left' | 'repeated' | 'replaced' | 'failed' | 'skipped' | 'unsynced' | 'restarted'

const SESSION_MS = 1000
const REBALANCE_MS = 1500

class World {
  readonly random: SeededRandom
  readonly clock = new VirtualClock()
  readonly cases: Map<Case, number>
  bench!: GroupBench
  isCalm = false
  /** Coordinators there have been: a generation that was not written may come again after a load. */
  incarnation = 0
  underWay = 0
  /** By coordinator and generation: who leads it, and what its leader gave to whom. */
  readonly leaders = new Map<string, string>()
  readonly given = new Set<string>()

  constructor(seed: number, cases: Map<Case, number>) {
    this.random = new SeededRandom(seed)
    this.cases = cases
  }

  note(name: Case): void {
    this.cases.set(name, (this.cases.get(name) ?? 0) + 1)
  }

  async start(): Promise<void> {
    const fates = this.random.fork()
    const delays = this.random.fork()
    this.bench = await GroupBench.start({
      clock: this.clock,
      seed: this.random.uint32(),
      settings: { initialRebalanceDelayMs: this.random.pick([0, 100]) },
      delayMs: () => delays.between(0, 5),
      fate: (): AppendFate => (this.isCalm || fates.chance(0.97) ? 'acknowledged' : fates.pick(['refused', 'unacknowledged', 'torn'])),
    })
  }

  async replaceCoordinator(): Promise<void> {
    this.note('replaced')
    this.incarnation++
    this.bench = await this.bench.restarted()
  }
}

class Client {
  readonly #world: World
  readonly #random: SeededRandom
  readonly #instanceId: string | null
  readonly #name: string
  memberId = ''
  generationId = -1
  isAlive = true
  /** Where it is stable: what it was given. */
  assignment: string | undefined

  constructor(world: World, name: string) {
    this.#world = world
    this.#name = name
    this.#random = world.random.fork()
    this.#instanceId = this.#random.chance(0.3) ? `instance-${name}` : null
  }

  async live(): Promise<void> {
    while (this.isAlive) {
      this.assignment = undefined
      const joined = await this.#join()
      if (joined === undefined || !this.isAlive) continue
      // One that goes silent here is missed as it never fetches its assignment.
      if (!this.#world.isCalm && this.#random.chance(0.05)) {
        this.#world.note('unsynced')
        return this.#fallSilent()
      }
      if (await this.#sync(joined)) await this.#beat()
    }
  }

  async #ask<T>(request: () => Promise<T>): Promise<T | undefined> {
    const world = this.#world
    world.underWay++
    try {
      return await request()
    } catch (error) {
      assert.match((error as { code: string }).code, /^COORDINATOR_(LOADING|UNAVAILABLE|NOT_HERE)$/)
      world.note('failed')
      await this.#sleep(20)
      return undefined
    } finally {
      world.underWay--
    }
  }

  async #join(): Promise<JoinResponse | undefined> {
    const world = this.#world
    const { bench } = world
    const load = `${world.incarnation}/${bench.reloads}`
    const change = {
      groupInstanceId: this.#instanceId,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      protocols: [{ name: 'range', metadata: subscription(this.#random.pick(['t', 't', 't', 'u'])) }],
    }
    const id = this.memberId
    if (!world.isCalm && this.#random.chance(0.05)) {
      world.note('repeated')
      void this.#ask(() => bench.join(id, change))
    }
    const response = await this.#ask(() => bench.join(id, change))
    if (response === undefined) return undefined
    switch (response.errorCode) {
      case ERROR_CODE.NONE:
        this.memberId = response.memberId
        this.generationId = response.generationId!
        this.#checkGeneration(`${load}/${response.generationId}`, response)
        return response
      case ERROR_CODE.MEMBER_ID_REQUIRED:
        this.memberId = response.memberId
        return undefined
      case ERROR_CODE.REBALANCE_IN_PROGRESS:
        await this.#sleep(10)
        return undefined
      default:
        this.#forget(response.errorCode)
        await this.#sleep(10)
        return undefined
    }
  }

  #checkGeneration(key: string, { leader, memberId, members, skipAssignment }: JoinResponse): void {
    const world = this.#world
    if (skipAssignment === true) return world.note('skipped')
    const known = world.leaders.get(key)
    // A static leader that comes back leads under another id.
    if (known !== undefined && this.#instanceId === null)
      assert.ok(known === leader || known.startsWith('instance-'), 'two leaders of one generation')
    world.leaders.set(key, leader)
    if (members.length === 0) return
    assert.equal(leader, memberId)
    assert.ok(members.some((member) => member.memberId === memberId))
    assert.equal(new Set(members.map((member) => member.memberId)).size, members.length)
    world.note('generation')
    if (members.length > 1) world.note('shared')
  }

  /** Whether it has got an assignment. */
  async #sync(joined: JoinResponse): Promise<boolean> {
    const world = this.#world
    const isLeader = joined.members.length > 0 && joined.skipAssignment !== true
    const nonce = this.#random.uint32()
    const given = isLeader
      ? joined.members.map(({ memberId }): [string, string] => [memberId, `${joined.generationId}/${nonce}/${memberId}`])
      : []
    for (const [, assignment] of given) world.given.add(assignment)
    await this.#sleep(this.#random.between(0, 30))
    if (!this.isAlive) return false
    const response = await this.#ask(() => world.bench.sync({ ...joined, memberId: this.memberId }, Object.fromEntries(given)))
    if (response === undefined) return false
    if (response.errorCode !== ERROR_CODE.NONE) {
      this.#forget(response.errorCode)
      return false
    }
    this.assignment = Buffer.from(response.assignment).toString()
    this.#checkAssignment()
    return true
  }

  /** A static member that came back holds what its former self was given. */
  #checkAssignment(): void {
    const { assignment = '' } = this
    if (assignment === '') return
    assert.ok(this.#world.given.has(assignment), 'an assignment that no leader gave')
    if (this.#instanceId === null) assert.ok(assignment.endsWith(`/${this.memberId}`), `${this.#name} got another one's assignment`)
  }

  async #beat(): Promise<void> {
    const world = this.#world
    while (this.isAlive) {
      await this.#sleep(this.#random.between(50, 300))
      if (!world.isCalm && this.#random.chance(0.02)) return this.#fallSilent()
      if (!world.isCalm && this.#random.chance(0.02)) return await this.#leave()
      const { memberId, generationId } = this
      const errorCode = await this.#ask(() => world.bench.heartbeat({ memberId, generationId }, this.#instanceId))
      if (errorCode === undefined) continue
      if (errorCode !== ERROR_CODE.NONE) return this.#forget(errorCode)
      if (!world.isCalm && this.#instanceId !== null && this.#random.chance(0.1)) return this.#restart()
      // The leader sees new partitions, and wants to assign anew.
      if (!world.isCalm && this.#random.chance(0.02)) return
    }
  }

  #forget(errorCode: number): void {
    if (errorCode === ERROR_CODE.UNKNOWN_MEMBER_ID) this.memberId = ''
    if (errorCode === ERROR_CODE.FENCED_INSTANCE_ID) this.memberId = ''
  }

  /** A static member begins again without its id, and is known by its instance. */
  #restart(): void {
    this.#world.note('restarted')
    this.memberId = ''
  }

  #fallSilent(): void {
    this.#world.note('silent')
    this.isAlive = false
  }

  async #leave(): Promise<void> {
    this.#world.note('left')
    this.isAlive = false
    const { memberId } = this
    await this.#ask(() =>
      this.#world.bench.leave({ memberId, ...(this.#instanceId === null ? {} : { groupInstanceId: this.#instanceId }) }),
    )
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#world.clock.after(delayMs, resolve))
  }
}

async function run(seed: number, cases: Map<Case, number>): Promise<void> {
  const world = new World(seed, cases)
  await world.start()
  const clients: Client[] = []
  const failures: unknown[] = []
  const begin = (): void => {
    const client = new Client(world, `c${clients.length}`)
    clients.push(client)
    client.live().catch((error: unknown) => failures.push(error))
  }
  for (let step = 0; step < 40; step++) {
    if (clients.filter(({ isAlive }) => isAlive).length < 4 && world.random.chance(0.3)) begin()
    if (world.random.chance(0.03)) await world.replaceCoordinator()
    await world.clock.advance(world.random.between(10, 400))
  }
  world.isCalm = true
  begin()
  await world.clock.advance(20_000)
  if (failures.length > 0) throw failures[0]
  await checkEnd(
    world,
    clients.filter(({ isAlive }) => isAlive),
  )
  for (const client of clients) client.isAlive = false
  await world.clock.advance(2000)
  assert.equal(world.underWay, 0, 'a request was never answered')
  world.bench.coordinator.close()
}

async function checkEnd(world: World, alive: readonly Client[]): Promise<void> {
  const { bench } = world
  assert.deepEqual(bench.faults, [])
  const group = await bench.run(bench.group())
  assert.ok(isClassicGroup(group))
  assert.equal(group.state, 'Stable')
  assert.deepEqual([...group.members.keys()].toSorted(), alive.map(({ memberId }) => memberId).toSorted())
  for (const client of alive) {
    assert.equal(client.generationId, group.generationId)
    assert.equal(client.assignment, Buffer.from(group.members.get(client.memberId)!.assignment).toString())
  }
  const replayed = await GroupBench.start({ clock: world.clock, batches: [...bench.log.batches] })
  assert.deepEqual(written(await replayed.run(replayed.group())), written(group))
  replayed.coordinator.close()
}

function written(group: unknown): unknown {
  const { value } = groupRecord(group as ClassicGroup)
  return {
    ...value,
    members: value!.members.map((member) => ({ ...member, subscription: [...member.subscription], assignment: [...member.assignment] })),
  }
}

test('clients come to one stable group, whatever happens', async () => {
  const cases = new Map<Case, number>()
  const one = process.env['MILLRACE_SEED']
  const seeds = one === undefined ? Array.from({ length: Number(process.env['MILLRACE_SEEDS'] ?? 40) }, (_, index) => index) : [Number(one)]
  for (const seed of seeds) {
    await run(seed, cases).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause })
    })
  }
  if (one !== undefined) return
  for (const name of [
    'generation',
    'shared',
    'silent',
    'left',
    'repeated',
    'replaced',
    'failed',
    'skipped',
    'unsynced',
    'restarted',
  ] as const) {
    assert.ok((cases.get(name) ?? 0) >= 10, `${name} was met ${cases.get(name) ?? 0} times`)
  }
})
