import type { MakeInterposer } from '../live.ts'
import type { Scenario } from '../scenario.ts'
import type { Situation } from '../situations.ts'
import { announceBeforeDurable, forgetSync, forgetSyncDirectory, keptThoughGivenUp } from './disk.ts'
import { barrierOvertakes, elementLost } from './channels.ts'
import { barrierOvertakesNothing, inFlightAfterNewInput, inFlightForgotten, inFlightNotDealtOut, inFlightTwice } from './in-flight.ts'
import { closedTooSoon, takenForFinished } from './endings.ts'
import { announcedBeforeItIsThere, mergedRemoved } from './objects.ts'
import { enumeratorKeepsAssigned, offsetAhead, offsetBehind } from './sources.ts'
import { regionWithoutState } from './regions.ts'
import { formerGroupForgotten, savepointTakenForCheckpoint } from './savepoints.ts'
import { commitAtPrepare, forgetHandles, forgetRestoredHandles } from './sinks.ts'
import { baseOnAborted, lostTombstones, lostTimers } from './states.ts'
import {
  fileOfFailedCheckpoint,
  formerStoreKept,
  sharedFileRemoved,
  storeFileEmpty,
  storeFileNotUploaded,
  storeKeepsRemoved,
} from './stores.ts'
import { commitAtAcknowledgement, dropAsyncInputs, dropNewestDelta, dropSplits } from './snapshots.ts'

/** An error on purpose. `make` is called for each life. */
export interface Mutation {
  readonly name: string
  readonly make: MakeInterposer
  /** Caught if no seed meets this situation any more: nothing else is wrong. */
  readonly prevents?: Situation
  /** Scenarios in which it does anything; default: all. */
  readonly where?: (scenario: Scenario) => boolean
}

const merging = ({ objects }: Scenario): boolean => objects?.merges === true

export const mutations: readonly Mutation[] = [
  { name: 'state files acknowledged before they are synced', make: () => forgetSync(/\/shared\//) },
  { name: 'metadata acknowledged before they are synced', make: () => forgetSync(/_metadata/) },
  { name: 'part files acknowledged before they are synced', make: () => forgetSync(/\/out\//) },
  { name: 'names of state files not synced', make: () => forgetSyncDirectory(/\/shared$/) },
  { name: 'names of metadata not synced', make: () => forgetSyncDirectory(/\/chk-\d+$|\/checkpoints$/) },
  { name: 'names of part files not synced', make: () => forgetSyncDirectory(/\/out$/) },
  { name: 'a checkpoint announced before its metadata are durable', make: announceBeforeDurable },
  { name: 'a barrier let through early', make: barrierOvertakes },
  { name: 'a batch lost on a channel', make: elementLost },
  { name: 'channels not blocked during alignment', make: () => ({ mode: 'at-least-once' }) },
  { name: 'offset before emit: a source runs ahead in its snapshot', make: offsetAhead },
  { name: 'a source lags behind in its snapshot', make: offsetBehind },
  { name: 'splits given twice: the enumerator keeps what it has assigned', make: enumeratorKeepsAssigned },
  { name: 'splits of a reader forgotten', make: dropSplits },
  { name: 'commit at prepare, before the checkpoint is complete', make: commitAtPrepare },
  { name: 'commit at the acknowledgement of one subtask', make: commitAtAcknowledgement },
  { name: 'a sink forgets its handles', make: forgetHandles },
  { name: 'a sink is not given its handles at a restore', make: forgetRestoredHandles },
  { name: 'a delta taken over a failed checkpoint', make: baseOnAborted },
  { name: 'tombstones lost', make: lostTombstones },
  { name: 'timers lost', make: lostTimers },
  { name: 'the newest delta left out of the chain', make: dropNewestDelta },
  { name: 'unfinished asynchronous inputs forgotten', make: dropAsyncInputs },
  { name: 'a savepoint taken for a checkpoint', make: savepointTakenForCheckpoint },
  { name: 'a region starts again without its state', make: regionWithoutState, where: ({ apart }) => apart !== undefined },
  { name: 'in flight forgotten', make: inFlightForgotten },
  { name: 'in flight replayed twice', make: inFlightTwice },
  { name: 'in flight not dealt out anew at another parallelism', make: inFlightNotDealtOut },
  { name: 'in flight replayed after new input', make: inFlightAfterNewInput },
  { name: 'a barrier overtakes nothing', make: barrierOvertakesNothing, prevents: 'in flight in a snapshot' },
  { name: 'tombstones of the store lost', make: storeKeepsRemoved },
  { name: 'a file of the store kept without its rows', make: storeFileEmpty },
  { name: 'a file of the store not uploaded', make: storeFileNotUploaded },
  { name: 'a file of the store removed that others refer to', make: sharedFileRemoved },
  { name: 'a file of the store taken over from a failed checkpoint', make: fileOfFailedCheckpoint },
  { name: 'changes over what the store held before', make: formerStoreKept },
  { name: 'a former key group forgotten where keys are dealt out anew', make: formerGroupForgotten },
  { name: 'a slot said to be closed before it is', make: closedTooSoon, where: ({ lifetimes }) => lifetimes !== undefined },
  { name: 'functions taken for finished', make: takenForFinished, where: ({ lifetimes }) => lifetimes?.finishes === true },
  {
    name: 'newer checkpoints kept by whoever goes back',
    make: keptThoughGivenUp,
    where: ({ emphasis }) => emphasis?.goBackChance !== undefined,
  },
  { name: 'merged files removed that others refer to', make: mergedRemoved, where: merging },
  {
    name: 'a checkpoint answered for before its object is there',
    make: announcedBeforeItIsThere,
    where: ({ objects }) => objects !== undefined,
  },
]
