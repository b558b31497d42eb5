//! The list of standard nodes.

mod aggregate;
mod always_condition;
mod array_filter;
mod check_condition;
mod counter_action;
mod data_transform;
mod email;
mod failure_node;
mod file_scanner;
mod generate_file;
mod http_request;
mod json_path;
mod log_message;
mod logic_executor;
mod math_op;
mod mock_action;
mod parse_file;
mod print_action;
mod regex_extract;
mod reporter;
mod running_node;
mod script;
mod set_variable;
mod sql_query;
mod success_node;
mod template;
mod threshold_check;
mod yaml_processor;

use crate::BuiltIn;
use std::sync::LazyLock;

/// Every standard node, sorted by name. They are made once: a declaration holds a whole schema and its documentation.
pub fn all() -> Vec<BuiltIn> {
    static NODES: LazyLock<Vec<BuiltIn>> = LazyLock::new(make);
    NODES.clone()
}

fn make() -> Vec<BuiltIn> {
    let mut nodes = vec![
        aggregate::built_in(),
        always_condition::built_in(),
        array_filter::built_in(),
        check_condition::built_in(),
        counter_action::built_in(),
        data_transform::built_in(),
        email::built_in(),
        failure_node::built_in(),
        file_scanner::built_in(),
        generate_file::built_in(),
        http_request::built_in(),
        json_path::built_in(),
        log_message::built_in(),
        logic_executor::built_in(),
        math_op::built_in(),
        mock_action::built_in(),
        parse_file::built_in(),
        print_action::built_in(),
        regex_extract::built_in(),
        reporter::built_in(),
        running_node::built_in(),
        script::built_in(),
        set_variable::built_in(),
        sql_query::built_in(),
        success_node::built_in(),
        template::built_in(),
        threshold_check::built_in(),
        yaml_processor::built_in(),
    ];
    nodes.sort_by(|a, b| a.node_type.name.cmp(&b.node_type.name));
    nodes
}
