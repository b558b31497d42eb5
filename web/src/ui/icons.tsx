/** The signs of the console: strokes on a grid of 16, drawn here. They never stand alone for a meaning. */
import type { SVGProps } from "react";

const PATHS = {
  dashboard: "M2.5 8.5h4v5h-4zM9.5 2.5h4v4h-4zM9.5 9.5h4v4h-4zM2.5 2.5h4v3h-4z",
  executions: "M5 3.5 12.5 8 5 12.5z",
  workflows: "M3 2.5h4v4H3zM9 9.5h4v4H9zM5 6.5v5h4M7 4.5h4v5",
  tasks: "M2.5 3.5h11v9h-11zM2.5 9.5h3l1 1.5h3l1-1.5h3",
  nodes: "M8 1.8 13.5 5v6L8 14.2 2.5 11V5zM2.5 5 8 8.2 13.5 5M8 8.2v6",
  members:
    "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.8a2.3 2.3 0 0 1 0 4.4M12 9.8c1.5.5 2.5 1.8 2.5 3.7",
  roles: "M8 1.8 13.5 4v4c0 3-2.3 5.2-5.5 6.2C4.8 13.2 2.5 11 2.5 8V4zM5.8 8l1.6 1.6 3-3.2",
  tokens: "M10 9.500a3.5 3.5 0 1 0-3.2-2.100L2 12.200V14h2.500v-1.500H6V11h1.500l.9-.9c.5.3 1 .4 1.6.4zM10.8 5.200h.01",
  audit: "M3.5 1.800h7l2 2v10.400h-9zM5.5 6.500h5M5.5 9h5M5.5 11.500h3",
  account: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c0-3 2.4-4.5 5.5-4.500s5.5 1.5 5.5 4.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  close: "M3.5 3.500l9 9M12.5 3.500l-9 9",
  plus: "M8 3v10M3 8h10",
  search: "M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5 14 14",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.800V8l2.3 1.5",
  pause: "M5.5 3.500v9M10.5 3.500v9",
  play: "M5 3.5 12.5 8 5 12.500z",
  stop: "M4 4h8v8H4z",
  skip: "M3 8h10",
  signal: "M2.5 8h3l1.5-4.5 3 9L11.5 8h2",
  fork: "M4.5 4.500a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 4.500a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM8 14.500a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 4.500v1c0 1.5 1 2 3.5 2s3.5-.5 3.5-2v-1M8 7.500v4",
  compare: "M6 2.500H2.500v11H6M10 2.500h3.500v11H10M8 1.500v13",
  copy: "M5.5 5.500h8v8h-8zM3.5 10.500h-1v-8h8v1",
  chevron: "M6 3.5 10.5 8 6 12.5",
  down: "M3.5 6 8 10.5 12.5 6",
  warning: "M8 2 14.5 13.500h-13zM8 6.500v3M8 11.500h.01",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.200v3.800M8 5h.01",
  tree: "M2 4h4M2 4v8h4M2 8h4M8 2.500h6v3H8zM8 6.500h6v3H8zM8 10.500h6v3H8z",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  timeline: "M2 3.500h6M5 8h7M8 12.500h6",
  logs: "M2.5 4l2.5 2-2.5 2M6.5 9h4M2.5 12.500h11",
  value: "M5.5 2.500c-2 0-1 4-3 5.5 2 1.5 1 5.5 3 5.500M10.5 2.500c2 0 1 4 3 5.5-2 1.5-1 5.5-3 5.5",
  bug: "M5 6a3 3 0 0 1 6 0v4a3 3 0 0 1-6 0zM5 7H2M14 7h-3M5 10H2.500M13.5 10H11M4 3.500l1.5 1M12 3.500l-1.5 1M8 6v7",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.500v1.500M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1 1M11.6 11.600l1 1M12.6 3.400l-1 1M4.4 11.600l-1 1",
  moon: "M13.5 9.500A6 6 0 0 1 6.5 2.500a6 6 0 1 0 7 7z",
  system: "M2 3h12v8H2zM5.5 13.500h5M8 11v2.5",
  out: "M6.5 2.500h-4v11h4M6 8h8M11 5l3 3-3 3",
  edit: "M3 13l.5-2.5 7-7 2 2-7 7zM9 5l2 2",
  refresh: "M13 8a5 5 0 1 1-1.5-3.600M13 2v3h-3",
  queue: "M2.5 3h11M2.5 6.500h11M2.5 10h7M2.5 13.500h4",
  offline:
    "M2 2l12 12M4.5 9.500a5 5 0 0 1 2.5-1.300M1.8 6.600a9 9 0 0 1 3-1.900M7.8 4c2.4 0 4.6.9 6.4 2.600M10.5 8.800l1 .7M8 12.500h.01",
  lock: "M3.5 7.500h9v6h-9zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.5",
  step: "M2.5 8h8M7.5 5l3 3-3 3M13.5 3.500v9",
  into: "M8 2v8M5 7l3 3 3-3M4 13.500h8",
  outOf: "M8 10V2M5 5l3-3 3 3M4 13.500h8",
  secret: "M3.5 7.500h9v6h-9zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.500M8 10v1.5",
  schedule: "M2.5 3.500h11v10h-11zM2.5 6.500h11M5.5 2v3M10.5 2v3M8 8.500v2l1.5 1",
  webhook: "M5 10.500a2.5 2.5 0 1 0 2.5 2.500h4M8 5 5.5 10M8 5a2.5 2.5 0 1 1 2.4-3.200M8 5l3 5.200a2.5 2.5 0 1 1-.5 4",
  hook: "M8 2v7a2.5 2.5 0 1 1-5 0V7.500M11 4.500h3v9h-3M14 9h-4M11.5 7.500 10 9l1.5 1.5",
  package:
    "M8 1.8 13.5 4.500v7L8 14.2 2.500 11.500v-7zM2.500 4.500 8 7.200l5.500-2.700M8 7.200v7M5.2 3.200l5.500 2.700",
  team: "M8 6.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4 9.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM12 9.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM5 13.500c0-2.500 1.200-4 3-4s3 1.500 3 4M1.500 13c0-1.200.8-2 2-2M14.500 13c0-1.200-.8-2-2-2",
  environment: "M2.500 3h11v10h-11zM4.500 6l2 2-2 2M8 10.500h3",
  tenants:
    "M2.500 13.500v-9l5-2v11M7.500 6.500l6 1.500v5.500M1.500 13.500h13M4.500 6.500h.01M4.500 9.500h.01M10.500 10h.01",
  gauge: "M2.5 12a6 6 0 1 1 11 0M8 11l2.5-4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16, ...rest }: { name: IconName; size?: number } & SVGProps<SVGSVGElement>) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      {...rest}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
