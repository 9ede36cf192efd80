/** Finds the coordinators of groups and transactional ids, remembers them, and asks again when one says it is not. */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode, type ApiName, type ApiRequestToSend, type ApiResponse } from '../../protocol/index.ts'
import type { AskOptions, BrokerLink } from '../connection/broker-link.ts'
import { isLost, isUnconnected, refusal } from '../errors.ts'
import type { Wait } from '../waits.ts'
import type { Cluster } from './cluster.ts'

export type CoordinatorKind = 'group' | 'transaction'

const KEY_TYPE = { group: 0, transaction: 1 } as const

const MOVED: ReadonlySet<number> = new Set([ERROR_CODE.NOT_COORDINATOR, ERROR_CODE.COORDINATOR_NOT_AVAILABLE])

export class Coordinators {
  readonly #cluster: Cluster
  readonly #known = new Map<string, number>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  forget(kind: CoordinatorKind, key: string): void {
    this.#known.delete(`${kind} ${key}`)
  }

  /** A link to the coordinator. @throws `CLIENT_*` */
  async link(kind: CoordinatorKind, key: string, lane = 'control'): Promise<BrokerLink> {
    const name = `${kind} ${key}`
    const known = this.#known.get(name)
    if (known !== undefined && this.#cluster.view.nodes.has(known)) return this.#cluster.link(known, lane)
    const { nodeId, host, port } = await this.#find(kind, key)
    if (!this.#cluster.view.nodes.has(nodeId)) this.#cluster.view.addNode({ id: nodeId, host, port, rack: null })
    this.#known.set(name, nodeId)
    return this.#cluster.link(nodeId, lane)
  }

  /**
   * Asks the coordinator until it answers something else than that it moved or is loading, or `apiTimeoutMs` are over.
   * `retry` tells which other answers are to be tried again, `isOver` whether nobody wants one any more. A request whose answer was lost is sent again: it must bear that.
   * @throws `CLIENT_*`, the last problem
   */
  async ask<N extends ApiName>(
    kind: CoordinatorKind,
    key: string,
    api: N,
    request: ApiRequestToSend<N>,
    codeOf: (response: ApiResponse<N>) => number,
    options: AskOptions & {
      readonly lane?: string
      readonly retry?: (code: number) => boolean
      readonly isOver?: () => boolean
    } = {},
  ): Promise<{ readonly response: ApiResponse<N>; readonly link: BrokerLink }> {
    const { clock, apiTimeoutMs } = this.#cluster.settings
    const deadlineMs = clock.monotonic() + apiTimeoutMs
    let wait: Wait | undefined
    try {
      for (let attempt = 1; ; attempt++) {
        let problem: MillraceError
        try {
          const link = await this.link(kind, key, options.lane)
          const response = await link.ask(api, request, options)
          const code = codeOf(response)
          const isMoved = MOVED.has(code)
          const again = isMoved || code === ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS || options.retry?.(code) === true
          if (!again) return { response, link }
          if (isMoved) this.forget(kind, key)
          problem = refusal({ api, subject: `${kind} ${key}`, broker: link.broker, errorCode: code })
        } catch (error) {
          problem = error as MillraceError
          if (!problem.retry) throw error
          if (isLost(error)) this.forget(kind, key)
        }
        if (clock.monotonic() >= deadlineMs || this.#cluster.isClosed || options.isOver?.() === true) throw problem
        if (!isUnconnected(problem)) {
          wait ??= this.#cluster.waits.begin('answer to', `${api} for ${kind} ${key}`, problem.message)
          wait.says(problem.message)
        }
        await this.#cluster.backOff(attempt)
      }
    } finally {
      wait?.end(true)
    }
  }

  async #find(kind: CoordinatorKind, key: string): Promise<{ readonly nodeId: number; readonly host: string; readonly port: number }> {
    const { clock, apiTimeoutMs } = this.#cluster.settings
    const deadlineMs = clock.monotonic() + apiTimeoutMs
    let wait: Wait | undefined
    try {
      for (let attempt = 1; ; attempt++) {
        const answer = await this.#ask(kind, key)
        if (answer.errorCode === ERROR_CODE.NONE) return answer
        const { retriable } = errorCode(answer.errorCode)
        const problem = refusal({
          api: 'FindCoordinator',
          subject: `${kind} ${key}`,
          broker: this.#cluster.brokers,
          errorCode: answer.errorCode,
          ...(answer.errorMessage === null ? {} : { message: answer.errorMessage }),
        })
        if (!retriable || clock.monotonic() >= deadlineMs) throw problem
        wait ??= this.#cluster.waits.begin('coordinator of', `${kind} ${key}`, problem.message)
        await this.#cluster.backOff(attempt)
      }
    } finally {
      wait?.end(true)
    }
  }

  async #ask(kind: CoordinatorKind, key: string): Promise<ApiResponse<'FindCoordinator'>['coordinators'][number]> {
    const version = await this.#version()
    if (version >= 4) {
      const response = await this.#cluster.askAny('FindCoordinator', { keyType: KEY_TYPE[kind], coordinatorKeys: [key] })
      return (
        response.coordinators[0] ?? {
          key,
          nodeId: -1,
          host: '',
          port: 0,
          errorCode: ERROR_CODE.COORDINATOR_NOT_AVAILABLE,
          errorMessage: null,
        }
      )
    }
    const response = await this.#cluster.askAny('FindCoordinator', { key, keyType: KEY_TYPE[kind] }, { maxVersion: 3 })
    const { nodeId: found, host, port, errorCode: code, errorMessage } = response
    return { key, nodeId: found, host, port, errorCode: code, errorMessage: errorMessage ?? null }
  }

  /** The form of FindCoordinator that the cluster takes: a cluster's brokers have it alike, but for the time of an upgrade. */
  async #version(): Promise<number> {
    let problem: unknown
    for (const id of await this.#cluster.nodeIds()) {
      try {
        return (await this.#cluster.link(id).connection()).versionOf('FindCoordinator')
      } catch (error) {
        if (!(error as MillraceError).retry) throw error
        problem = error
      }
    }
    throw problem
  }
}
