package dev.mainstay.conformance;

import static org.springframework.security.config.Customizer.withDefaults;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.SecurityContext;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.annotation.Bean;
import org.springframework.context.event.EventListener;
import org.springframework.core.annotation.Order;
import org.springframework.http.MediaType;
import org.springframework.jdbc.core.JdbcOperations;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.jwt.JwtEncoder;
import org.springframework.security.oauth2.jwt.NimbusJwtEncoder;
import org.springframework.security.oauth2.server.authorization.JdbcOAuth2AuthorizationService;
import org.springframework.security.oauth2.server.authorization.OAuth2AuthorizationService;
import org.springframework.security.oauth2.server.authorization.client.InMemoryRegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClient;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.config.annotation.web.configurers.OAuth2AuthorizationServerConfigurer;
import org.springframework.security.oauth2.server.authorization.settings.AuthorizationServerSettings;
import org.springframework.security.oauth2.server.authorization.settings.ClientSettings;
import org.springframework.security.oauth2.server.authorization.settings.TokenSettings;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.authentication.LoginUrlAuthenticationEntryPoint;
import org.springframework.security.web.util.matcher.MediaTypeRequestMatcher;

/**
 * {@code java -jar … PORT FOLDER}: Spring Authorization Server with its store and its keys in FOLDER. What a test breaks, it
 * breaks there, while the server is down: it removes {@code store.mv.db}, or exchanges {@code keys.json}.
 */
@SpringBootApplication
public class Server {
    private static String issuer;
    private static Path folder;

    public static void main(String[] arguments) {
        issuer = "http://127.0.0.1:" + arguments[0];
        folder = Path.of(arguments[1]);
        System.setProperty("server.port", arguments[0]);
        System.setProperty("server.address", "127.0.0.1");
        System.setProperty("spring.main.banner-mode", "off");
        System.setProperty("spring.datasource.url", "jdbc:h2:" + folder.resolve("store").toAbsolutePath() + ";WRITE_DELAY=0");
        System.setProperty("spring.sql.init.mode", "never");
        System.setProperty("logging.level.root", "warn");
        SpringApplication.run(Server.class);
    }

    @EventListener(ApplicationReadyEvent.class)
    void ready() {
        System.out.println("ready");
    }

    @Bean
    @Order(1)
    SecurityFilterChain authorizationServer(HttpSecurity http) throws Exception {
        var configurer = OAuth2AuthorizationServerConfigurer.authorizationServer();
        var signIn = new MediaTypeRequestMatcher(MediaType.TEXT_HTML);
        return http.securityMatcher(configurer.getEndpointsMatcher())
                .with(configurer, server -> server.oidc(withDefaults())
                        .pushedAuthorizationRequestEndpoint(withDefaults())
                        .deviceAuthorizationEndpoint(device -> device.verificationUri("/activate"))
                        .deviceVerificationEndpoint(withDefaults()))
                .authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
                .oauth2ResourceServer(resources -> resources.jwt(withDefaults()))
                .exceptionHandling(exceptions -> exceptions.defaultAuthenticationEntryPointFor(
                        new LoginUrlAuthenticationEntryPoint("/login"), signIn))
                .build();
    }

    @Bean
    @Order(2)
    SecurityFilterChain people(HttpSecurity http) throws Exception {
        return http.authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
                .formLogin(withDefaults())
                .build();
    }

    @Bean
    UserDetailsService everybody() {
        var password = "{noop}correct horse";
        return new InMemoryUserDetailsManager(
                User.withUsername("ada").password(password).roles("cashier").build(),
                User.withUsername("grace").password(password).roles("cashier").build());
    }

    @Bean
    RegisteredClientRepository clients() {
        // Spring gives refresh tokens to confidential clients only.
        var pos = RegisteredClient.withId("1")
                .clientId("pos")
                .clientSecret("{noop}pos-secret")
                .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
                .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_POST)
                .authorizationGrantType(AuthorizationGrantType.AUTHORIZATION_CODE)
                .authorizationGrantType(AuthorizationGrantType.REFRESH_TOKEN)
                .authorizationGrantType(AuthorizationGrantType.DEVICE_CODE)
                .redirectUri("http://127.0.0.1/callback")
                .scope("openid")
                .scope("profile")
                .scope("offline_access")
                .clientSettings(ClientSettings.builder().requireProofKey(true).requireAuthorizationConsent(false).build())
                .tokenSettings(TokenSettings.builder()
                        .accessTokenTimeToLive(Duration.ofHours(1))
                        .refreshTokenTimeToLive(Duration.ofDays(14))
                        .reuseRefreshTokens(false)
                        .build())
                .build();
        var inspector = RegisteredClient.withId("2")
                .clientId("inspector")
                .clientSecret("{noop}inspector-secret")
                .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
                .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)
                .build();
        return new InMemoryRegisteredClientRepository(pos, inspector);
    }

    @Bean
    OAuth2AuthorizationService store(JdbcOperations database, RegisteredClientRepository clients) throws Exception {
        var there = database.queryForObject(
                "select count(*) from information_schema.tables where lower(table_name) = 'oauth2_authorization'",
                Integer.class);
        if (there == null || there == 0) {
            var schema = "org/springframework/security/oauth2/server/authorization/oauth2-authorization-schema.sql";
            try (var text = Server.class.getClassLoader().getResourceAsStream(schema)) {
                database.execute(new String(text.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        return new JdbcOAuth2AuthorizationService(database, clients);
    }

    /** The newest key first and in use. A new one is made where there is none, or where a file {@code rotate} asks for it. */
    @Bean
    JWKSource<SecurityContext> keys() throws Exception {
        var file = folder.resolve("keys.json");
        List<JWK> known = Files.exists(file) ? JWKSet.parse(Files.readString(file)).getKeys() : List.of();
        if (known.isEmpty() || Files.exists(folder.resolve("rotate"))) {
            RSAKey fresh = new RSAKeyGenerator(2048)
                    .keyID(UUID.randomUUID().toString())
                    .keyUse(KeyUse.SIGNATURE)
                    .algorithm(JWSAlgorithm.RS256)
                    .generate();
            var all = new ArrayList<JWK>(List.of(fresh));
            all.addAll(known);
            known = all;
            Files.writeString(file, new JWKSet(known).toString(false));
            Files.deleteIfExists(folder.resolve("rotate"));
        }
        return new ImmutableJWKSet<>(new JWKSet(known));
    }

    @Bean
    JwtEncoder encoder(JWKSource<SecurityContext> keys) {
        var encoder = new NimbusJwtEncoder(keys);
        encoder.setJwkSelector(found -> found.get(0));
        return encoder;
    }

    @Bean
    AuthorizationServerSettings settings() {
        return AuthorizationServerSettings.builder().issuer(issuer).build();
    }
}
