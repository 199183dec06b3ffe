"""The fields of the proxies' configurations as far as the guides use them: names alone, by message.

`name:Message` is a field that holds one or a list of these; `name{}:Message` a map of them; `name` alone is a scalar. Where a
message is only begun here, other fields of it are refused all the same: whoever uses a further one looks it up first.
"""

ENVOY = {
    "Bootstrap": "static_resources:StaticResources admin:Admin",
    "StaticResources": "listeners:Listener clusters:Cluster",
    "Admin": "address:Address",
    "Address": "socket_address:SocketAddress pipe:Pipe",
    "SocketAddress": "address port_value protocol",
    "Pipe": "path mode",
    "Listener": "name address:Address filter_chains:FilterChain default_filter_chain:FilterChain",
    "FilterChain": "name filters:Extension",
    "Extension": "name typed_config:Any",
    "HttpConnectionManager": "stat_prefix codec_type use_remote_address xff_num_trusted_hops access_log:Extension"
                             " route_config:RouteConfiguration http_filters:Extension",
    "StdoutAccessLog": "log_format:SubstitutionFormatString",
    "SubstitutionFormatString": "text_format_source:DataSource json_format",
    "DataSource": "filename inline_bytes inline_string environment_variable",
    "Router": "",
    "RouteConfiguration": "name virtual_hosts:VirtualHost",
    "VirtualHost": "name domains routes:Route rate_limits:RateLimitActions",
    "Route": "name match:RouteMatch route:RouteAction",
    "RouteMatch": "prefix path headers:HeaderMatcher",
    "RouteAction": "cluster timeout rate_limits:RateLimitActions include_vh_rate_limits",
    "RateLimitActions": "stage disable_key actions:Action limit",
    "Action": "source_cluster:Empty destination_cluster:Empty request_headers:RequestHeaders remote_address:Empty"
              " generic_key:GenericKey header_value_match:HeaderValueMatch metadata extension:Extension",
    "Empty": "",
    "RequestHeaders": "header_name descriptor_key skip_if_absent",
    "GenericKey": "descriptor_value descriptor_key",
    "HeaderValueMatch": "descriptor_key descriptor_value expect_match headers:HeaderMatcher",
    "HeaderMatcher": "name string_match:StringMatcher range_match present_match invert_match",
    "StringMatcher": "exact prefix suffix contains safe_regex ignore_case",
    "RateLimit": "domain stage request_type timeout failure_mode_deny rate_limited_as_resource_exhausted"
                 " rate_limit_service:RateLimitServiceConfig enable_x_ratelimit_headers"
                 " disable_x_envoy_ratelimited_header rate_limited_status:HttpStatus response_headers_to_add"
                 " status_on_error:HttpStatus",
    "HttpStatus": "code",
    "RateLimitServiceConfig": "grpc_service:GrpcService transport_api_version",
    "GrpcService": "envoy_grpc:EnvoyGrpc google_grpc timeout initial_metadata",
    "EnvoyGrpc": "cluster_name authority",
    "Cluster": "name type connect_timeout lb_policy load_assignment:ClusterLoadAssignment"
               " typed_extension_protocol_options{}:Any",
    "ClusterLoadAssignment": "cluster_name endpoints:LocalityLbEndpoints",
    "LocalityLbEndpoints": "lb_endpoints:LbEndpoint priority",
    "LbEndpoint": "endpoint:Endpoint",
    "Endpoint": "address:Address",
    "HttpProtocolOptions": "common_http_protocol_options upstream_http_protocol_options explicit_http_config:ExplicitHttpConfig"
                           " use_downstream_protocol_config auto_config",
    "ExplicitHttpConfig": "http_protocol_options http2_protocol_options:Http2ProtocolOptions http3_protocol_options",
    "Http2ProtocolOptions": "max_concurrent_streams connection_keepalive:KeepaliveSettings",
    "KeepaliveSettings": "interval timeout interval_jitter connection_idle_interval",
}

ISTIO = {
    "EnvoyFilter": "workloadSelector:WorkloadSelector configPatches:ConfigPatch priority",
    "WorkloadSelector": "labels{}",
    "ConfigPatch": "applyTo match:Match patch:Patch",
    "Match": "context listener:ListenerMatch routeConfiguration:RouteConfigurationMatch cluster",
    "ListenerMatch": "portNumber name filterChain:FilterChainMatch",
    "FilterChainMatch": "name filter:FilterMatch",
    "FilterMatch": "name subFilter:SubFilterMatch",
    "SubFilterMatch": "name",
    "RouteConfigurationMatch": "portNumber portName gateway name vhost:VirtualHostMatch",
    "VirtualHostMatch": "name route:RouteMatch domainName",
    "RouteMatch": "name action",
    "Patch": "operation value{}",
}

CONTOUR = {
    "ExtensionService": "services:ServiceTarget validation protocol loadBalancerPolicy timeoutPolicy:TimeoutPolicy protocolVersion",
    "ServiceTarget": "name port weight",
    "TimeoutPolicy": "response idle idleConnection",
    "ContourYaml": "rateLimitService:RateLimitService",
    "RateLimitService": "extensionService domain failOpen enableXRateLimitHeaders enableResourceExhaustedCode"
                        " defaultGlobalRateLimitPolicy:Global",
    "HTTPProxy": "virtualhost:VirtualHost routes:Route",
    "VirtualHost": "fqdn rateLimitPolicy:RateLimitPolicy",
    "Route": "conditions:Condition services:Service rateLimitPolicy:RateLimitPolicy",
    "Condition": "prefix exact header",
    "Service": "name port",
    "RateLimitPolicy": "global:Global local",
    "Global": "descriptors:Descriptor disabled",
    "Descriptor": "entries:Entry",
    "Entry": "genericKey:GenericKey requestHeader:RequestHeader requestHeaderValueMatch remoteAddress:Empty",
    "GenericKey": "key value",
    "RequestHeader": "headerName descriptorKey",
    "Empty": "",
}

EMISSARY = {
    "RateLimitService": "ambassador_id service timeout_ms domain tls protocol_version stats_name failure_mode_deny"
                        " rate_limited_as_resource_exhausted",
    "Mapping": "hostname prefix rewrite service labels{}:Group",
    "Group": "*:Label",
    "Label": "source_cluster:Key destination_cluster:Key request_headers:RequestHeaders remote_address:Key generic_key:GenericKey",
    "Key": "key",
    "RequestHeaders": "key header_name omit_if_not_present",
    "GenericKey": "key value",
}

GATEWAY = {
    "EnvoyPatchPolicy": "type jsonPatches:JSONPatch targetRef:TargetRef priority",
    "TargetRef": "group kind name",
    "JSONPatch": "type name operation:Operation",
    "Operation": "op path jsonPath from value{}",
}


def unknown(schema, message, value, place=""):
    """The places of fields that the message does not have."""
    if isinstance(value, list):
        return [found for i, item in enumerate(value) for found in unknown(schema, message, item, f"{place}[{i}]")]
    if not isinstance(value, dict):
        return [f"{place}: {message} is a map, not {value!r}"]
    if message == "Any":
        message = value.get("@type", "/").rsplit("/", 1)[1].rsplit(".", 1)[-1]
        value = {k: v for k, v in value.items() if k != "@type"}
        if message not in schema:
            return [f"{place}: unknown @type"]
    fields = dict(word.partition(":")[::2] for word in schema[message].split())
    result = []
    for name, item in value.items():
        here = f"{place}.{name}"
        if f"{name}{{}}" in fields:
            for key, each in item.items() if isinstance(item, dict) and fields[name + "{}"] else ():
                result += unknown(schema, fields[name + "{}"], each, f"{here}.{key}")
        elif name in fields or "*" in fields:
            inner = fields.get(name, fields.get("*"))
            result += unknown(schema, inner, item, here) if inner else []
        else:
            result.append(f"{here}: {message} has no such field")
    return result
