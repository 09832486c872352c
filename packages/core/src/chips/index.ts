/**
 * `@mayfly/core/chips`: limits, rules and speed of Apple's chips as published, and estimates of what a program or a training run would
 * meet on them.
 *
 * @module
 */
export type {
  ChipClock,
  ChipLimits,
  ChipNumerics,
  ChipPacing,
  ChipProfile,
  Figure,
  Grade,
  HostClock,
  LintFinding,
  OperationTime,
  ProgramTime,
  Severity,
} from '@mayfly/native';
export { chipNames, lint, loadProfile, parseProfile, timeMil } from '@mayfly/native';
export { type Comparison, compareFigures, type ErrorSummary, summarizeErrors } from './calibration.js';
export type { Classifier, PlanOptions, WeightStrategy } from './plan-options.js';
export type { StepWork } from './step-work.js';
export type { HostProducts, StepParts } from './timed-step.js';
export { type KernelPlan, planTraining, type TrainingPlan } from './training-plan.js';
