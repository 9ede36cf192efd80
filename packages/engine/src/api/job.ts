import { inspect } from 'node:util'
import { engineError } from '../errors.ts'
import type { Environment } from './environment.ts'
import { checkOptions } from './option-names.ts'
import { callModule } from './origin.ts'
import type { Stage, StreamView } from './stream.ts'
import { checkDefaults, type Params, type WidenParams } from './params.ts'

const brand = Symbol.for('millrace.job')
const definedIn = Symbol.for('millrace.job.definedIn')

/** What a build function may answer: nothing that matters, but no promise. */
export type Built = void | Stage | StreamView<unknown>

/** A job: a name, parameters, and the function that builds its graph. A module makes it its default export. */
export interface Job<P extends Params = {}> {
  readonly name: string
  /** Parameters with their defaults. */
  readonly params: P
  /** Pure: called once in every thread that runs a part of the job, and must build the same each time. */
  build(env: Environment, params: P): Built
}

/**
 * Defines a job.
 *
 * @param name Also names the folder of its checkpoints: letters, digits, spaces and `. _ -`.
 * @param build Builds the graph; pure and synchronous. What varies between runs comes in by `params`, not from the environment or the clock.
 * @throws JOB_NAME_INVALID, PARAM_INVALID
 */
export function defineJob(name: string, build: (env: Environment) => Built): Job
export function defineJob<const P extends Params>(
  name: string,
  options: { readonly params: P },
  build: (env: Environment, params: WidenParams<P>) => Built,
): Job<WidenParams<P>>
export function defineJob(
  name: string,
  optionsOrBuild: { readonly params: Params } | ((env: Environment) => Built),
  build?: (env: Environment, params: never) => Built,
): Job<Params> {
  const [params, buildGraph] = typeof optionsOrBuild === 'function' ? [{}, optionsOrBuild] : [optionsOrBuild?.params ?? {}, build]
  if (typeof name !== 'string' || !jobName.test(name))
    throw engineError('JOB_NAME_INVALID', { name: inspect(name, { maxStringLength: 80 }) })
  if (typeof buildGraph !== 'function') {
    throw engineError('ARGUMENT_INVALID', { call: 'defineJob', argument: 'build', expected: 'a function', value: typeof buildGraph })
  }
  if (typeof optionsOrBuild !== 'function') checkOptions('defineJob', optionsOrBuild, ['params'])
  checkDefaults(name, params)
  const job = { name, params: Object.freeze({ ...params }), build: buildGraph, [brand]: true, [definedIn]: callModule() }
  return Object.freeze(job)
}

const jobName = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,127}$/u

/** Whether a value, say a module's default export, is what `defineJob` answers. */
export function isJob(value: unknown): value is Job<Params> {
  return typeof value === 'object' && value !== null && brand in value
}

/** The URL or path of the module that called `defineJob`; undefined where its stack does not tell. */
export function moduleOf(job: Job<Params>): string | undefined {
  return (job as { readonly [definedIn]?: string })[definedIn]
}
