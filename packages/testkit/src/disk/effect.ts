/** How one operation of the disk is carried out. */
export interface Effect<T> {
  /** Performs it, wholly, when its time has come. */
  readonly complete: () => T
  /** What may have happened of it when the process dies first; nothing by default. */
  readonly interrupted?: () => void
  /** What has happened of it when it fails; nothing by default. */
  readonly failed?: () => void
}
