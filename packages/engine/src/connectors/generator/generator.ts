import { engineError } from '../../errors.ts'
import { FixedSplits } from '../fixed-splits.ts'
import { checkOptionNames, numberOption, wholeNumberOption, type OptionNames } from '../options.ts'
import type { Source } from '../source.ts'
import { Draws } from './draws.ts'
import { divideEvenly, wholeRange, type Progression } from './progression.ts'
import { GeneratorReader } from './reader.ts'

/** How many records are made up, how fast, and of what. */
export interface GeneratorOptions<T> {
  /** Records in all; without it the source never ends. */
  readonly count?: number
  /** Records a second in all subtasks together, spread evenly; as fast as they are taken by default. */
  readonly ratePerSecond?: number
  /** Of `ctx.random`; 0 by default. */
  readonly seed?: number
  /** Makes the record with this index, from 0. It must depend on its arguments alone: after a failure it is asked for the same index again. */
  readonly generate: (index: number, ctx: GeneratorContext) => T
}

/** What `generate` may draw on and still be the same again after a failure. */
export interface GeneratorContext {
  /** A uniform number in [0, 1): the same for the same seed, index and place in the order of calls. */
  random(): number
}

const optionNames: OptionNames<GeneratorOptions<unknown>> = { count: true, ratePerSecond: true, seed: true, generate: true }

/**
 * Made-up records: `generate(0)`, `generate(1)`, and so on. Which records there are does not depend on the parallelism; each subtask
 * generates every n-th in order, and a restore at another parallelism goes on exactly where each had stopped.
 *
 * A rate is kept by the clock: record n is due n / rate seconds after the start. What back-pressure delays is caught up at once when
 * it was less than a second's worth; a longer delay moves the schedule.
 *
 * Throws `CONNECTOR_OPTION_INVALID`.
 */
export function generator<T>(options: GeneratorOptions<T>): Source<T> {
  checkOptionNames<GeneratorOptions<T>>('generator', options, optionNames)
  if (typeof options.generate !== 'function')
    throw engineError('CONNECTOR_OPTION_INVALID', { connector: 'generator', option: 'generate', problem: 'is no function' })
  const count = options.count === undefined ? Infinity : wholeNumberOption('generator', 'count', options.count, 0)
  const rate = options.ratePerSecond === undefined ? Infinity : numberOption('generator', 'ratePerSecond', options.ratePerSecond, 0)
  if (rate === 0)
    throw engineError('CONNECTOR_OPTION_INVALID', {
      connector: 'generator',
      option: 'ratePerSecond',
      problem: 'is 0, and must be more than 0',
    })
  const seed = wholeNumberOption('generator', 'seed', options.seed ?? 0, 0)
  return {
    connector: 'generator',
    replayable: true,
    bounded: count !== Infinity,
    createEnumerator: (context) =>
      new FixedSplits<Progression>(context, {
        initial: () => wholeRange(context.parallelism),
        divide: (progressions) => divideEvenly(progressions, context.parallelism),
      }),
    createReader: (context) =>
      new GeneratorReader(context, { count, ratePerMs: rate / 1_000, generate: options.generate, draws: new Draws(seed) }),
  }
}
