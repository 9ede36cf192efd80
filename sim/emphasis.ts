/** Situations that scenarios seldom come to by themselves: more than half of all seeds are made for one of them, the others for none. */
import { randomBelow } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import { drawApart } from './apart.ts'
import type { Emphasis, Scenario, StageKind, StagePlan } from './scenario.ts'

/** Each by its chance. */
const kinds: readonly (readonly [chance: number, reshape: (scenario: Scenario, random: SeededRandom) => Scenario])[] = [
  [0.04, lookingAhead],
  [0.06, failingRegions],
  [0.06, damaged],
  [0.08, atLeastOnce],
  [0.08, overtaking],
  [0.02, tooMuchInFlight],
  [0.07, inMemory],
  [0.04, newKeyGroups],
  [0.06, changingBackends],
  [0.05, goingBack],
]

export function emphasize(scenario: Scenario, random: SeededRandom): Scenario {
  const emphasis: Emphasis = { damageChance: 0.15, asideChance: 0.12 }
  let left = random.uint32() / 2 ** 32
  for (const [chance, reshape] of kinds) if ((left -= chance) < 0) return reshape({ ...scenario, emphasis }, random)
  return { ...scenario, emphasis }
}

function more(scenario: Scenario, emphasis: Emphasis): Pick<Scenario, 'emphasis'> {
  return { emphasis: { ...scenario.emphasis, ...emphasis } }
}

/** Their rows make room and are asked for again. */
const cachedKinds: readonly StageKind[] = ['keyed-value', 'keyed-map', 'keyed-list', 'keyed-clearing', 'keyed-aggregate', 'keyed-async']

/** Full batches of many keys, most of which are not in the cache. */
function lookingAhead(scenario: Scenario, random: SeededRandom): Scenario {
  const first = { kind: random.pick(cachedKinds), width: 'same', chain: 'never' } as const
  return {
    ...scenario,
    ...more(scenario, { batches: 'large' }),
    inputs: 260 + randomBelow(random, 200),
    keys: 100,
    sources: [random.pick(['generator', 'splits', 'collection'] as const)],
    stages: [first, ...scenario.stages.slice(1)],
    ratePerSecond: random.pick([1_000, 4_000]),
    checkpointMs: random.pick([5, 20]),
    backends: { first: 'rocksdb', cacheBytes: random.pick([3_500, 5_000]), changes: random.chance(0.3) },
  }
}

/** Parts that fail again and again, also while others are down. */
function failingRegions(scenario: Scenario, random: SeededRandom): Scenario {
  const { apart = drawApart(random, 1)! } = scenario
  return { ...scenario, ...more(scenario, { failures: 'often' }), apart, inputs: Math.max(200, scenario.inputs) }
}

/** Several checkpoints to fall back to. */
function damaged(scenario: Scenario, random: SeededRandom): Scenario {
  return {
    ...scenario,
    ...more(scenario, { damageChance: 0.6 }),
    numRetained: random.pick([2, 3, 4]),
    checkpointMs: random.pick([5, 20]),
  }
}

function atLeastOnce(scenario: Scenario, random: SeededRandom): Scenario {
  const { unaligned: _, ...aligned } = scenario
  const backends = {
    first: random.pick(['rocksdb', 'heap'] as const),
    cacheBytes: random.pick([0, 400, 8_000]),
    changes: random.chance(0.5),
  }
  return { ...aligned, mode: 'at-least-once', backends }
}

/** Their records are processed one after the other, and at once. */
const plainKinds: readonly StageKind[] = ['keyed-value', 'keyed-map', 'keyed-list', 'keyed-reducing', 'keyed-aggregate', 'keyed-expiring']

/**
 * Checkpoints come faster than what they have in flight is processed, after a restore too: inputs of one key wait for each other. At parallelism 1 all is one chain: what was in flight between its operators at a
 * higher one is replayed in it.
 */
function overtaking(scenario: Scenario, random: SeededRandom): Scenario {
  const stage = (kind: StageKind): StagePlan => ({ kind, width: 'same', chain: 'always' })
  const { apart: _, ...alone } = scenario
  return {
    ...alone,
    ...more(scenario, { parallelism: 'one-after-many' }),
    mode: 'exactly-once',
    keys: random.pick([1, 1, 3]),
    inputs: 300 + randomBelow(random, 200),
    stages: [stage(random.pick(plainKinds)), stage('keyed-async')],
    ratePerSecond: 1_000,
    checkpointMs: 1,
    minPauseMs: 0,
    maxConcurrent: 1,
    unaligned: { alignedTimeoutMs: random.pick([0, 0, 2]), sliceRecords: 1, limitBytes: 1_000_000 },
  }
}

function tooMuchInFlight(scenario: Scenario, random: SeededRandom): Scenario {
  return {
    ...scenario,
    mode: 'exactly-once',
    ratePerSecond: 1_000,
    checkpointMs: random.pick([5, 20]),
    maxConcurrent: 1,
    unaligned: { alignedTimeoutMs: 0, sliceRecords: 1, limitBytes: random.pick([100, 300, 1_000]) },
  }
}

/** Checkpoints that end with their process, and restarts that go on from them. */
function inMemory(scenario: Scenario, random: SeededRandom): Scenario {
  return {
    ...scenario,
    ...more(scenario, { failures: 'often' }),
    checkpointMs: random.pick([5, 20]),
    backends: { first: 'memory', cacheBytes: random.pick([0, 400, 8_000]), changes: true },
  }
}

/** Nothing that keeps the number of key groups as it was. */
function newKeyGroups(scenario: Scenario, random: SeededRandom): Scenario {
  const keyed: StageKind = random.pick(['keyed-map', 'keyed-async', 'keyed-event-timer', 'keyed-expiring'])
  const stages = scenario.stages.map((stage) => (stage.kind === 'keyed-raw' ? { ...stage, kind: keyed } : stage))
  const { apart: _, ...alone } = scenario
  return {
    ...alone,
    ...more(scenario, { regroupChance: 0.8 }),
    stages: [{ kind: keyed, width: 'same', chain: 'always' }, ...stages.slice(1)],
  }
}

/** Users who try one backend after the other, where they may and where they may not. */
function changingBackends(scenario: Scenario, random: SeededRandom): Scenario {
  const first = random.pick(['rocksdb', 'rocksdb', 'heap', 'filesystem'] as const)
  return { ...scenario, checkpointMs: random.pick([5, 20]), backends: { first, cacheBytes: random.pick([0, 400, 8_000]), changes: true } }
}

/** Several checkpoints to go back to, in storage that outlives the process. */
function goingBack(scenario: Scenario, random: SeededRandom): Scenario {
  const backends = { first: random.pick(['heap', 'heap', 'rocksdb'] as const), cacheBytes: random.pick([0, 400, 8_000]), changes: false }
  return {
    ...scenario,
    ...more(scenario, { goBackChance: 0.7 }),
    inputs: 200 + randomBelow(random, 200),
    ratePerSecond: random.pick([200, 400]),
    numRetained: random.pick([2, 3, 4]),
    checkpointMs: random.pick([5, 20]),
    backends,
  }
}
