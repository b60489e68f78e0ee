/**
 * Looks at what a query does with its store, over all its lives, and says which law it broke. The numbers of the laws are those of
 * `docs/guarantees.md`.
 *
 * Law: it judges what the runner was answered; what a fault has left open (a commit that failed) may have gone either way.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../../sdk/coders/index.js'
import { type CommitContent, decodeCommitContent } from '../../../runners/micro-batch/commit-content.js'
import { unhosted } from '../../../runners/micro-batch/hosted-part.js'
import type {
  Change,
  CheckpointStore,
  CommitRecord,
  Lease,
  PlanRecord,
} from '../../../runners/micro-batch/store/checkpoint-store.js'

/** A law that was broken. */
export class LawBroken extends Error {
  override readonly name = 'LawBroken'
}

/** See the head of this file. One for each run. */
export class StoreObserver {
  /** What happened, in order: equal for equal seeds. */
  readonly trace: string[] = []
  /** The newest batch of which a life was told that it is committed. */
  committed = 0
  /** Whether all lives have the same workers: else what they keep is divided, and named, otherwise. */
  areAlike = true
  /** The first law that was broken. */
  broken: string | undefined
  /** Plans of the batch after the committed one, of which lives were told that they are logged. */
  #planned: { readonly text: string; readonly survivesPower: boolean } | undefined
  /** What the batch at hand was about to commit, by its plan: a second attempt has the same. */
  #attempted: { readonly plan: string; readonly text: string } | undefined
  #watermarks = new Map<string, number>()
  #clock = Number.NEGATIVE_INFINITY
  #instant = Number.NEGATIVE_INFINITY
  /** Of the batch that is being committed. */
  #times: (CommitContent & { readonly instant: number }) | undefined
  #lastLease: Lease | undefined
  #lostPower = false

  /** A life has ended. */
  restarted(lostPower: boolean): void {
    this.#lostPower ||= lostPower
    this.trace.push(lostPower ? 'power lost' : 'process ended')
  }

  /** A store that is looked at. */
  watched(store: CheckpointStore): CheckpointStore {
    return {
      place: store.place,
      query: () => store.query(),
      acquire: async (claim) => {
        const lease = await store.acquire(claim)
        await this.#checkFencing(store, claim.now)
        this.#lastLease = lease
        return lease
      },
      renew: (lease, now, ttlMillis) => store.renew(lease, now, ttlMillis),
      release: (lease) => store.release(lease),
      create: (lease, query) => store.create(lease, query),
      update: async (lease, query, change) => {
        // A life that ends in between may have done it.
        if (change?.plan !== undefined) this.#planned = this.#attempted = undefined
        await store.update(lease, query, change)
      },
      committed: async () => {
        const record = await store.committed()
        this.#atStart(record?.batch ?? 0)
        return record
      },
      history: () => store.history(),
      planned: async () => {
        const plan = await store.planned()
        this.#atPlan(plan)
        return plan
      },
      logPlan: async (lease, plan, options) => {
        this.#demand(
          plan.batch === this.committed + 1,
          `I1: batch ${plan.batch} is planned after batch ${this.committed}`,
        )
        const text = textOf(plan)
        this.#demand(
          this.#planned === undefined || this.#planned.text === text,
          `I2: batch ${plan.batch} is planned again with other content`,
        )
        this.#demand(plan.instant >= this.#instant, `I5: the clock goes back from ${this.#instant} to ${plan.instant}`)
        await store.logPlan(lease, plan, options)
        this.#planned = { text, survivesPower: options.durable }
        this.trace.push(`plan ${plan.batch} ${text.length}`)
      },
      commit: (lease, record, changes) => this.#commit(store, lease, record, changes),
      delivered: async (lease, batch) => {
        await store.delivered(lease, batch)
        this.trace.push(`delivered ${batch}`)
      },
      deliveredUntil: () => store.deliveredUntil(),
      view: () => store.view(),
      partition: (index) => store.partition(index),
      savepoint: (place) => store.savepoint(place),
      check: () => store.check(),
      close: () => store.close(),
    }
  }

  /** @throws the first law that was broken. */
  judge(): void {
    if (this.broken !== undefined) throw new LawBroken(this.broken)
  }

  /** A driver that has lost the lease writes nothing. */
  async #checkFencing(store: CheckpointStore, now: number): Promise<void> {
    if (this.#lastLease === undefined) return
    let refused = ''
    try {
      await store.renew(this.#lastLease, now, 1)
    } catch (error) {
      refused = (error as Error).name
    }
    this.#demand(refused === 'StoreFenced', 'I7: a driver that has lost its lease may still write')
  }

  #atStart(batch: number): void {
    const { committed } = this
    this.#demand(
      batch === committed || batch === committed + 1,
      `I1: a life begins after batch ${batch}, and ${committed} was committed`,
    )
    if (batch > committed) this.#advance(batch)
    this.trace.push(`begins after ${batch}`)
  }

  #atPlan(plan: PlanRecord | undefined): void {
    const known = this.#planned
    if (plan !== undefined) {
      this.#demand(
        plan.batch === this.committed + 1,
        `I1: batch ${plan.batch} is planned after batch ${this.committed}`,
      )
      this.#demand(
        known === undefined || known.text === textOf(plan),
        `I2: the plan of batch ${plan.batch} has changed`,
      )
      this.#planned = { text: textOf(plan), survivesPower: known?.survivesPower ?? false }
    } else {
      const mustBe = known !== undefined && (known.survivesPower || !this.#lostPower)
      this.#demand(!mustBe, `I2: the plan of batch ${this.committed + 1} is gone`)
      this.#planned = undefined
      this.#attempted = undefined
    }
    this.#lostPower = false
  }

  async #commit(
    store: CheckpointStore,
    lease: Lease,
    record: CommitRecord,
    changes: ReadonlyMap<number, Iterable<Change>> | undefined,
  ): Promise<void> {
    const { batch } = record
    this.#demand(batch === this.committed + 1, `I1: batch ${batch} is committed after batch ${this.committed}`)
    const listed = new Map([...(changes ?? [])].map(([index, list]) => [index, [...list]] as const))
    const plan = this.#planned?.text ?? ''
    const text = commitText(record, listed)
    if (this.areAlike && this.#attempted?.plan === plan && this.#attempted.text !== text)
      this.#demand(false, `I4: batch ${batch}, done again from the same plan, changes something else`)
    this.#attempted = { plan, text }
    this.#checkTimes(record)
    await store.commit(lease, record, listed)
    this.#advance(batch)
    this.trace.push(`commit ${batch} ${text.length} ${record.deliveries.length}`)
  }

  /** Times are those of a batch once it is committed: of an attempt that was lost with the power nobody has heard. */
  #checkTimes({ content, instant }: CommitRecord): void {
    const { watermarks, clock } = decodeCommitContent(content)
    for (const [step, watermark] of watermarks) {
      const before = this.#watermarks.get(step) ?? Number.NEGATIVE_INFINITY
      this.#demand(watermark >= before, `I5: the watermark of ${step} goes back from ${before} to ${watermark}`)
    }
    this.#demand(clock >= this.#clock, `I5: the clock goes back from ${this.#clock} to ${clock}`)
    this.#demand(instant >= this.#instant, `I5: the instant goes back from ${this.#instant} to ${instant}`)
    this.#times = { watermarks, clock, instant }
  }

  #advance(batch: number): void {
    this.committed = batch
    this.#planned = undefined
    this.#attempted = undefined
    if (this.#times === undefined) return
    this.#watermarks = new Map([...this.#watermarks, ...this.#times.watermarks])
    this.#clock = this.#times.clock
    this.#instant = this.#times.instant
    this.#times = undefined
  }

  #demand(holds: boolean, law: string): void {
    if (!holds) this.broken ??= law
  }
}

function textOf({ instant, content }: PlanRecord): string {
  return `${instant} ${hex(content)}`
}

function commitText(
  { instant, content, deliveries }: CommitRecord,
  changes: ReadonlyMap<number, readonly Change[]>,
): string {
  // Cells of groupings and timers have numbers by which they follow each other, which each life gives anew.
  const kept = (part: string, id: Uint8Array, bytes: Uint8Array): string => {
    if (isKeptAs('cells', part) || isKeptAs('state', part)) return 'something'
    return unordered(isKeptAs('work', part) && id.length > 0 ? withoutDelay(bytes) : bytes)
  }
  // Elements that wait for a side input are named by such numbers.
  const named = (part: string, id: Uint8Array): string => (isKeptAs('gate', part) ? '' : unordered(id))
  // A grouping notes where its watermarks stood when it had its last turn; a run that begins again gives everybody one.
  const isOfTurn = ({ part, id }: Change): boolean => isKeptAs('cells', part) && id.length === 1 && id[0] === 0
  const entries = [...changes].flatMap(([index, list]) =>
    list
      .filter((change) => !isOfTurn(change))
      .map(({ part, slot, id, content: bytes }) =>
        [index, part, slot, named(part, id), bytes === undefined ? '-' : kept(part, id, bytes)].join(' '),
      ),
  )
  return [instant, unordered(content), unordered(deliveries), ...entries.sort()].join('\n')
}

/** Whether a part is what stages keep under a name, whole or of one partition. */
function isKeptAs(name: string, part: string): boolean {
  return unhosted(part)[0].endsWith(` ${name}`)
}

/** For how long a source still waits is measured when it is written down. */
function withoutDelay(bytes: Uint8Array): Uint8Array {
  const { delay: _, ...work } = decodeFromBytes(dynamicCoder, bytes) as Readonly<Record<string, unknown>>
  return encodeToBytes(dynamicCoder, work)
}

/** The model leaves the order of what is due at one time open: the same bytes in any order are the same. */
function unordered(bytes: Uint8Array): string {
  return hex(bytes.slice().sort())
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
