/** Keeps a page that breaks from taking the console with it. */
import { Component, type ReactNode } from "react";
import { Wrong } from "../ui/layout";

interface State {
  error: unknown;
}

export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return <Wrong error={this.state.error} again={() => this.setState({ error: undefined })} />;
  }
}
