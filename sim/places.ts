/** Folders of the simulated disk, and what lies beside it. */
export const STATE = '/data/state'
export const SAVEPOINTS = '/data/savepoints'
/** Of local copies that are apart from all else. */
export const COPIES = '/data/copies'
/** Checkpoints of jobs that have them in a store of objects. */
export const OBJECTS = 's3://sim/jobs'
