/** How classic groups are run, by Kafka's names without `group.`. */
export interface ClassicGroupSettings {
  /** `group.initial.rebalance.delay.ms`: how long the first members of an empty group wait for more. */
  readonly initialRebalanceDelayMs: number
  /** `group.min.session.timeout.ms`. */
  readonly minSessionTimeoutMs: number
  /** `group.max.session.timeout.ms`. */
  readonly maxSessionTimeoutMs: number
  /** `group.max.size`. */
  readonly maxSize: number
}

/** How long a new member may wait for its first generation; its session begins only with it. As Kafka, five minutes. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS: number = 5 * 60 * 1000
