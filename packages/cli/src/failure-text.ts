import { fileURLToPath } from 'node:url'
import { inspect, stripVTControlCharacters } from 'node:util'
import type { JobFailure } from '@millrace/engine'

/** An error for the user: our message without our stack, what their code threw with theirs. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return clean(inspect(error, { depth: 2 }).slice(0, textLimit))
  const own = isOurs(error) ? error.message : userStack(error)
  const cause = error.cause instanceof Error && !own.includes(error.cause.message.trim()) ? `\ncaused by ${userStack(error.cause)}` : ''
  const stackOfCause = error.cause instanceof Error && cause === '' ? framesOf(error.cause) : calledAt(error)
  return clean(`${own}${cause}${stackOfCause === '' ? '' : `\n${stackOfCause}`}`.slice(0, textLimit))
}

/** A failed job: where, why, and what to do next. */
export function describeFailure(jobName: string, failure: JobFailure): string {
  const where = [
    failure.operator === undefined ? '' : ` in operator "${failure.operator}"`,
    failure.subtask === undefined ? '' : `, subtask ${failure.subtask}`,
    failure.position === undefined ? '' : `, at ${failure.position}`,
  ].join('')
  const capsule =
    failure.capsule === undefined
      ? ''
      : `\nthe record and its state are kept in ${failure.capsule.path}\nto step through it: ${failure.capsule.command}`
  const replay = failure.replay === undefined ? '' : `\nto come to it from the last checkpoint: ${failure.replay}`
  const givenUp = failure.givenUp === undefined ? '' : `\nit is not restarted: ${failure.givenUp}`
  return `job ${jobName} failed${clean(where)}\n${describeError(withoutWrapper(failure.error))}${givenUp}${capsule}${replay}`
}

/** The engine wraps what a function throws, to say where it was; that has been said. */
export function withoutWrapper(error: unknown): unknown {
  return error instanceof Error && error.name === 'OperatorFailure' && error.cause instanceof Error ? error.cause : error
}

const textLimit = 16_384

/** Not what a function of the job threw, although it comes as one of ours. */
function isOurs(error: Error): boolean {
  return error.name === 'MillraceError'
}

/** The stack as far as it is the user's: the frames of Node and of our packages say nothing to them. */
export function userStack(error: Error): string {
  const head = `${error.name}: ${error.message}`
  const frames = framesOf(error)
  return frames === '' ? head : `${head}\n${frames}`
}

/** Of an error of ours, where in the user's code the call is that was refused. */
function calledAt(error: Error): string {
  return isOurs(error) && !(error.cause instanceof Error) ? (framesOf(error).split('\n')[0] ?? '') : ''
}

function framesOf(error: Error): string {
  // With a place: what is of the language itself (`Array.map (<anonymous>)`, `Promise.all (index 0)`) has none.
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line))
  return frames.filter((frame) => !hidden.some((part) => frame.includes(part))).join('\n')
}

/** Our packages, whole because stacks name their sources where source maps are on, and what calls commands and reads files for us. */
const hidden: readonly string[] = [
  'node:internal',
  '(node:',
  'at node:',
  // By URL as well: there a space, say, is written otherwise than in a path.
  ...[
    ...['@millrace/core', '@millrace/log', '@millrace/engine'].map((name) => new URL('..', import.meta.resolve(name))),
    ownPackage(),
  ].flatMap((folder) => [folder.href, fileURLToPath(folder)]),
  '/millrace/dist/bin.js',
  '/millrace/src/bin.ts',
  '/node_modules/commander/',
  '/node_modules/yaml/',
]

function ownPackage(): URL {
  return new URL(new URL('.', import.meta.url).href.replace(/(?:src|dist|dist\/chunks)\/$/, ''))
}

/** User data may hold what drives a terminal. */
function clean(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\n\t]/gu, '?')
}
